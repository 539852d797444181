import type { PartialNote } from './answers.ts'

/** One start of a service, as far as its spans tell. Times and durations are µs; a request is a span that others enter by. */
export interface ServiceRun {
  /** Names the run among those of its service. */
  id: string
  /** `service.instance.id`, or host and process id; null where the resource has neither. */
  instance: string | null
  version: string | null
  host: string | null
  /** Start of its first and last span in the range. */
  first: number
  last: number
  spans: number
  requests: number
  /** Requests that failed. */
  errors: number
  /** Of requests, within 5 %. */
  p50: number | null
  p95: number | null
}

export interface ServiceRuns {
  /** Latest start first. */
  items: ServiceRun[]
  /** Runs beyond those listed. */
  others: number
}

/** Spans of one name and kind in one run. */
export interface RunFigures {
  count: number
  errors: number
  p50: number
  p95: number
  /** Database calls that were made below them, whichever way; of requests only. */
  databaseCalls: number
}

/** `few` = too few on one side to tell; `same` = no more than chance. */
export type RunChange = 'slower' | 'faster' | 'same' | 'few'

export interface RunOperation {
  operation: string
  /** SERVER, CLIENT and so on. */
  kind: string
  request: boolean
  /** Null where the run has no such span. */
  before: RunFigures | null
  after: RunFigures | null
  /** Null where one side is missing. */
  p50: RunChange | null
  p95: RunChange | null
}

export interface RunError {
  operation: string
  /** `error.type`, or an exception's type, or the status message without what differs from span to span. */
  error: string
  before: number
  after: number
}

/** Calls of one database operation below one kind of request. */
export interface RunDatabaseCalls {
  /** Empty where the request is not known. */
  request: string
  statement: string
  before: number
  after: number
}

export interface RunComparison {
  before: { id: string; spans: number; requests: number }
  after: { id: string; spans: number; requests: number }
  /** Requests first, then by how often. */
  operations: RunOperation[]
  errors: RunError[]
  databaseCalls: RunDatabaseCalls[]
  partial: PartialNote
}
