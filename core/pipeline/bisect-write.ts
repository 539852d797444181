import { GlassboxError } from '../base/errors.ts'
import type { LogBatch, SpanBatch, TelemetryBatch } from '../model/columns.ts'
import { selectRows } from '../model/select-rows.ts'
import type { WriteResult } from '../storage/store.ts'

export interface WriteBatches {
  spans: SpanBatch[]
  logs: LogBatch[]
}

/** One write; the batches are copied to the writer's thread, so that a failed one can be tried again. */
export type Write = (batches: WriteBatches) => Promise<WriteResult>

/** Single rows refused without one success after which the rest of the batch is given up. */
const giveUpAfter = 64
/** How long storage may be away in the middle, 30 s in all. */
const waitMs = 250
const mostWaits = 120

/**
 * Writes `batches` in halves and halves of halves, so that only rows that cannot be stored are left out. While
 * the storage itself is to blame a half is not judged by its content: it is tried again, for half a minute in all.
 */
export async function bisectWrite(
  batches: WriteBatches,
  write: Write,
): Promise<{ result: WriteResult; unstorable: { spans: number; logs: number } }> {
  const result: WriteResult = { seq: 0, storedSpans: 0, storedLogs: 0, duplicateSpans: 0 }
  const unstorable = { spans: 0, logs: 0 }
  let refusedInARow = 0
  let waits = 0
  const todo: WriteBatches[] = [batches]
  while (todo.length > 0) {
    const part = todo.pop() as WriteBatches
    const size = rowsOf(part)
    if (size === 0) continue
    try {
      if (refusedInARow >= giveUpAfter) throw new GlassboxError('internal', 'every row was refused')
      const written = await write(part)
      refusedInARow = 0
      result.seq = written.seq
      result.storedSpans += written.storedSpans
      result.storedLogs += written.storedLogs
      result.duplicateSpans += written.duplicateSpans
      result.mergedAway = (result.mergedAway ?? 0) + (written.mergedAway ?? 0)
    } catch (error) {
      const storageFault = error instanceof GlassboxError && error.code === 'storage_unavailable'
      if (storageFault && waits++ < mostWaits) {
        todo.push(part)
        await new Promise((resolve) => setTimeout(resolve, waitMs))
        continue
      }
      if (size > 1 && refusedInARow < giveUpAfter) {
        todo.push(...halves(part))
        continue
      }
      refusedInARow++
      unstorable.spans += sum(part.spans)
      unstorable.logs += sum(part.logs)
    }
  }
  return { result, unstorable }
}

function halves({ spans, logs }: WriteBatches): [WriteBatches, WriteBatches] {
  const all: TelemetryBatch[] = [...spans, ...logs]
  const [first, second] =
    all.length > 1
      ? [all.slice(0, all.length >> 1), all.slice(all.length >> 1)]
      : [[half(all[0], 0)], [half(all[0], 1)]]
  return [bySignal(second), bySignal(first)]
}

function half(batch: TelemetryBatch, which: 0 | 1): TelemetryBatch {
  const middle = batch.n >> 1
  return selectRows(batch, new Uint8Array(batch.n).fill(1, which ? middle : 0, which ? batch.n : middle))
}

function bySignal(batches: TelemetryBatch[]): WriteBatches {
  return {
    spans: batches.filter((batch): batch is SpanBatch => batch.signal === 'traces'),
    logs: batches.filter((batch): batch is LogBatch => batch.signal === 'logs'),
  }
}

function rowsOf(batches: WriteBatches): number {
  return sum(batches.spans) + sum(batches.logs)
}

function sum(batches: TelemetryBatch[]): number {
  return batches.reduce((total, batch) => total + batch.n, 0)
}
