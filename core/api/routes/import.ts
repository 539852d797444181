import { GlassboxError } from '../../base/errors.ts'
import type { SpanBatch } from '../../model/columns.ts'
import type { ImportAnswer } from '../contract/shapes.ts'
import type { Handlers } from '../handler.ts'

/** A guard against a stream without end, not against large files: those are read piece by piece. */
const maxBytes = 256 * 1024 ** 3
const maxRefused = 1000
const maxWarnings = 100
/** Distinct trace ids are remembered up to here to be counted once; about 100 MB. */
const maxTraceIds = 1_000_000

export const importHandlers: Handlers<'importFile'> = {
  async importFile({ query, stream, services: { pipeline, clock } }) {
    const answer: ImportAnswer = { traces: 0, spans: 0, logs: 0, points: 0, refused: [], warnings: [] }
    const traces = new Set<string>()
    let refused = 0
    const { importFile } = await import('../../formats/import/import-file.ts')
    for await (const part of importFile(limited(stream), query.name, clock.nowUs())) {
      if (part.refused && ++refused <= maxRefused) answer.refused.push(part.refused)
      if ('warning' in part && part.warning && answer.warnings.length < maxWarnings) answer.warnings.push(part.warning)
      if (!('batch' in part) || !part.batch) continue
      if (part.batch.signal === 'traces') addTraceIds(traces, part.batch)
      const { signal } = part.batch
      // The pipeline owns the batch from here on.
      const { accepted } = await pipeline.ingestBatch(part.batch)
      answer[signal === 'traces' ? 'spans' : 'logs'] += accepted
    }
    await pipeline.drain()
    if (refused > maxRefused) answer.warnings.push(`${refused} refusals; the first ${maxRefused} are listed`)
    if (traces.size >= maxTraceIds) answer.warnings.push(`traces are counted up to ${maxTraceIds}; there may be more`)
    return { ...answer, traces: traces.size }
  },
}

function addTraceIds(traces: Set<string>, { traceId, n }: SpanBatch): void {
  const ids = Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength)
  for (let row = 0; row < n && traces.size < maxTraceIds; row++)
    traces.add(ids.toString('latin1', row * 16, row * 16 + 16))
}

async function* limited(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let total = 0
  for await (const chunk of stream) {
    total += chunk.length
    if (total > maxBytes)
      throw new GlassboxError('too_large', `The file is larger than ${maxBytes} bytes.`, 'Split it.')
    yield chunk
  }
}
