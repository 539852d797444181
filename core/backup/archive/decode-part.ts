import { GlassboxError } from '../../base/errors.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import type { SampleBatch } from '../../model/series.ts'
import { readLines } from './archive-reader.ts'
import { decodeLogs } from './log-part.ts'
import type { PartEntry } from './manifest.ts'
import { decodeSamples } from './sample-part.ts'
import { decodeSpans } from './span-part.ts'

/** What a part holds. */
export type DecodedPart =
  | { kind: 'spans'; batch: SpanBatch }
  | { kind: 'logs'; batch: LogBatch }
  | { kind: 'samples'; batch: SampleBatch }
  | { kind: 'exemplars' | 'metadata' | 'config'; rows: unknown[] }

/** Takes a part's body apart; whatever does not hold together is damage. @throws GlassboxError `archive_damaged` */
export function decodePart(entry: PartEntry, body: Uint8Array): DecodedPart {
  try {
    const decoded = decode(entry.kind, body)
    const rows =
      'rows' in decoded ? decoded.rows.length : 'times' in decoded.batch ? decoded.batch.times.length : decoded.batch.n
    if (rows !== entry.rows) throw new RangeError(`it holds ${rows} rows instead of ${entry.rows}`)
    return decoded
  } catch (error) {
    if (error instanceof GlassboxError) throw error
    throw new GlassboxError(
      'archive_damaged',
      `a part of ${entry.kind} does not hold together: ${(error as Error).message}`,
    )
  }
}

function decode(kind: PartEntry['kind'], body: Uint8Array): DecodedPart {
  if (kind === 'spans') return { kind, batch: decodeSpans(body) }
  if (kind === 'logs') return { kind, batch: decodeLogs(body) }
  if (kind === 'samples') return { kind, batch: decodeSamples(body) }
  return { kind, rows: readLines(body) }
}
