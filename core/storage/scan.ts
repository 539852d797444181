import type { LogBatch, SpanBatch } from '../model/columns.ts'
import type { DaySum } from './content-sum.ts'
import type { QueryContext } from './query-context.ts'

/**
 * Reading everything that is stored, in the order of writing, one step a call: the asker sets the pace, and no step keeps
 * a transaction open. What was written before the scan began is found once each, whatever is written or merged meanwhile;
 * what retention takes meanwhile is missing. A span that a sender repeated may come more than once (see store.ts).
 */
export interface TelemetryScanner {
  /** The place after everything that is stored now; opaque, good for the life of the store. */
  scanMark(): Promise<string>
  /** The next rows. @throws GlassboxError `bad_cursor`, `query_cancelled`, `query_timeout` */
  scan(request: ScanRequest, context?: QueryContext): Promise<ScanPart>
  /** What a scan would bring, added up by signal and day where the rows are, without handing them over. */
  contentSums(request: SumsRequest, context?: QueryContext): Promise<SumsPart>
}

export interface ScanRequest {
  /** A mark or the cursor of the part before; null = from the first row. */
  after: string | null
  /** A mark. */
  upTo: string
  /** Only the rows that the move of this name brought (TelemetryWriter.writeMoved); absent or null = all rows. */
  moved?: string | null
  /** Leaves out rows whose own time (start of the span, time of the record) lies before it, µs. */
  since: number | null
}

export interface ScanPart {
  /** Whole writes, about 20,000 rows together; may be empty before the end. */
  spans: SpanBatch[]
  logs: LogBatch[]
  cursor: string
  done: boolean
}

export interface SumsRequest extends ScanRequest {
  /** Counts spans that are stored several times once. Then one call goes to the end. */
  distinct: boolean
  /** Only these days; null = all. */
  days: number[] | null
}

export interface SumsPart {
  /** To be added to those of the parts before by `mergeDaySums`. */
  sums: DaySum[]
  /** Rows that were looked at. */
  rows: number
  cursor: string
  done: boolean
}

/** Rows that a step looks for; whole writes make it more. */
export const SCAN_ROWS = 20_000
/** Rows that one call of `contentSums` looks at, so that it can tell how far it is. */
export const SUMS_ROWS = 400_000
/** How long one step may take before it is given up. */
export const SCAN_STEP_MS = 120_000

export function rowsOf({ spans, logs }: { spans: SpanBatch[]; logs: LogBatch[] }): number {
  return [...spans, ...logs].reduce((sum, { n }) => sum + n, 0)
}

/** All parts one after the other; the next one is read while the asker works on the one before. */
export async function* scanAll(
  scanner: TelemetryScanner,
  request: ScanRequest,
  signal?: AbortSignal,
): AsyncGenerator<ScanPart> {
  const read = (after: string | null): Promise<ScanPart> => {
    const step = scanner.scan({ ...request, after }, { signal, timeoutMs: SCAN_STEP_MS })
    // Failures are met where the part is awaited.
    step.catch(() => undefined)
    return step
  }
  let next = read(request.after)
  for (;;) {
    const part = await next
    if (!part.done) next = read(part.cursor)
    yield part
    if (part.done) return
  }
}
