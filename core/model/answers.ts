/** What queries answer about telemetry as a whole. Times are whole µs, sizes bytes. */

export interface Page<T> {
  items: T[]
  nextCursor: string | null
  partial: { reason: string; hint: string } | null
}

export interface HistogramBucket {
  /** µs, start of the bucket. */
  time: number
  /** By series: traces use ok and error; logs use trace, debug, info, warn, error, fatal, unknown. */
  counts: Record<string, number>
}

export interface Histogram {
  bucketUs: number
  buckets: HistogramBucket[]
  total: number
}

export interface ServiceInfo {
  service: string
  spans: number
  errors: number
  logs: number
  firstSeen: number
  lastSeen: number
}

export interface TagValue {
  value: string
  count: number
}

export interface StorageStats {
  engine: 'sqlite' | 'postgres'
  spans: number
  logs: number
  traces: { bytes: number; blocks: number; oldest: number | null; newest: number | null }
  logsSize: { bytes: number; blocks: number; oldest: number | null; newest: number | null }
  /** Bytes on disk of telemetry, WAL included. */
  fileBytes: number
  walBytes: number
  freeBytes: number
  mode: 'normal' | 'disk-full' | 'read-only'
  modeSince: number | null
  modeReason: string | null
  /** Why retention does nothing at the moment, if so (a clock that jumped). */
  retentionPaused: string | null
}

/** How a listening address fares. */
export interface ListenState {
  address: string
  listening: boolean
  /** Why not, in one sentence that names the program holding the port where known. */
  problem: string | null
}
