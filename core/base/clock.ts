/** Where every part reads time, so that tests can set it. */
export interface Clock {
  /** Wall clock, whole µs since 1970. */
  nowUs(): number
  /** Monotonic milliseconds, for measuring durations only. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  nowUs: () => Date.now() * 1000,
  monotonicMs: () => performance.now(),
}
