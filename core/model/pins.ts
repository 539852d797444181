import type { TraceSummary } from './records.ts'

/** A trace that retention leaves alone. */
export interface PinnedTrace {
  /** As it was when it was pinned. */
  summary: TraceSummary
  /** µs */
  pinnedAt: number
  /** Notes on its spans. */
  notes: number
}

/** What somebody wrote on a span. Times are µs. */
export interface SpanNote {
  id: string
  traceId: string
  spanId: string
  text: string
  createdAt: number
  updatedAt: number
}
