import type { StorageUsage } from '../../../../core/api/contract/shapes.ts'

const DAY_US = 86_400e6
/** Rows a second that a move of unknown speed is reckoned with. */
const ROWS_PER_SECOND = 20_000

export interface Portion {
  name: 'traces' | 'logs' | 'metrics' | 'index' | 'wal' | 'waste' | 'format'
  bytes: number
  /** 0..1 of everything. */
  share: number
}

/** Everything on disk as portions that add up, largest kinds of rows first; what belongs to no row is the format's own. */
export function portions(usage: StorageUsage): Portion[] {
  const of = (signal: string): number => usage.signals.find((one) => one.signal === signal)?.bytes ?? 0
  const named: Omit<Portion, 'share'>[] = [
    { name: 'traces', bytes: of('traces') },
    { name: 'logs', bytes: of('logs') },
    { name: 'metrics', bytes: of('metrics') },
    { name: 'index', bytes: usage.indexBytes },
    { name: 'wal', bytes: usage.walBytes },
    { name: 'waste', bytes: usage.wasteBytes },
  ]
  const known = named.reduce((sum, { bytes }) => sum + bytes, 0)
  // Metrics of a Postgres host lie in its own file, beside the total of the server.
  const total = Math.max(usage.totalBytes, known)
  return [...named, { name: 'format' as const, bytes: total - known }].map((one) => ({
    ...one,
    share: total === 0 ? 0 : one.bytes / total,
  }))
}

export interface Amount {
  rows: number
  bytes: number
}

/** What a move takes: everything, or what was received since a time (its day counts whole). */
export function movedAmount(usage: StorageUsage, sinceUs: number | null): Record<'traces' | 'logs', Amount> {
  const from = sinceUs === null ? Number.NEGATIVE_INFINITY : Math.floor(sinceUs / DAY_US)
  const of = (signal: 'traces' | 'logs'): Amount =>
    usage.days
      .filter((one) => one.signal === signal && one.day >= from)
      .reduce((sum, { rows, bytes }) => ({ rows: sum.rows + rows, bytes: sum.bytes + bytes }), { rows: 0, bytes: 0 })
  return { traces: of('traces'), logs: of('logs') }
}

/** µs that a move of so many rows takes, copying and verifying. */
export function moveTime(rows: number): number {
  return Math.max(1, Math.ceil(rows / ROWS_PER_SECOND)) * 1e6
}

/** What keeping a signal only so many days would free: whole days of receipt that lie before. */
export function freedBy(
  usage: StorageUsage,
  signal: 'traces' | 'logs',
  days: number,
  nowUs: number,
): Amount & { days: number } {
  const first = Math.floor(nowUs / DAY_US - days)
  const gone = usage.days.filter((one) => one.signal === signal && one.day < first)
  return {
    rows: gone.reduce((sum, { rows }) => sum + rows, 0),
    bytes: gone.reduce((sum, { bytes }) => sum + bytes, 0),
    days: gone.length,
  }
}
