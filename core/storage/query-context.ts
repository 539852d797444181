/** What a running query watches. */
export interface QueryContext {
  /** Aborts when the client goes away. */
  signal?: AbortSignal
  /** ms from now; the engine has its own default of 10 s. */
  timeoutMs?: number
}
