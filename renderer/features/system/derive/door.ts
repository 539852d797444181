/** Where a point of a line leads: the traces of the minute before and after it. */

const AROUND_US = 60e6

/** `app`: the line is of the service that it is named for. */
export type DoorKind = 'latency' | 'errors' | 'app' | 'other'

export interface Door {
  start: number
  end: number
  /** As the address has it: `1200ms`, `1s`. */
  minDuration: string
  status?: 'error'
  service?: string
}

/**
 * Latency lines ask for traces at least as slow as their own value, others for slow ones; error lines for failed ones.
 * @param time µs @param value µs of latency lines
 */
export function doorOf(kind: DoorKind, time: number, value: number, service: string | null): Door {
  return {
    start: Math.round(time - AROUND_US),
    end: Math.round(time + AROUND_US),
    minDuration: kind === 'latency' ? durationText(value) : '1s',
    ...(kind === 'errors' ? { status: 'error' as const } : {}),
    ...(service ? { service } : {}),
  }
}

/** Cut, never rounded up: the trace that the point is made of must be among those found. */
function durationText(us: number): string {
  if (us >= 10_000) return `${Math.floor(us / 1000)}ms`
  return `${Math.max(0, Math.floor(us))}us`
}

/** The same filter at another moment. */
export function doorAt(door: Door, time: number): Door {
  return { ...door, start: Math.round(time - AROUND_US), end: Math.round(time + AROUND_US) }
}

/** The middle of the bucket with traces that lies nearest to `time`; null when all are empty. */
export function nearestBucket(
  buckets: readonly { time: number; counts: Record<string, number> }[],
  bucketUs: number,
  time: number,
): number | null {
  let found: number | null = null
  for (const bucket of buckets) {
    if (Object.values(bucket.counts).every((n) => n === 0)) continue
    const middle = bucket.time + bucketUs / 2
    if (found === null || Math.abs(middle - time) < Math.abs(found - time)) found = middle
  }
  return found
}

export function doorQuery(door: Door): Record<string, string> {
  const { start, end, ...rest } = door
  return { start: String(start), end: String(end), ...rest }
}
