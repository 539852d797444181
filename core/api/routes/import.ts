import { GlassboxError } from '../../base/errors.ts'
import type { SpanBatch } from '../../model/columns.ts'
import type { ImportAnswer } from '../contract/shapes.ts'
import type { Handlers } from '../handler.ts'

const maxBytes = 4 * 1024 ** 3
const maxRefused = 1000
const maxWarnings = 100

export const importHandlers: Handlers<'importFile'> = {
  async importFile({ query, stream, services: { pipeline, clock } }) {
    const answer: ImportAnswer = { traces: 0, spans: 0, logs: 0, points: 0, refused: [], warnings: [] }
    const traces = new Set<string>()
    const { importFile } = await import('../../formats/import/import-file.ts')
    for await (const part of importFile(limited(stream), query.name, clock.nowUs())) {
      if ('refused' in part && part.refused && answer.refused.length < maxRefused) answer.refused.push(part.refused)
      if ('warning' in part && part.warning && answer.warnings.length < maxWarnings) answer.warnings.push(part.warning)
      if (!('batch' in part) || !part.batch) continue
      if (part.batch.signal === 'traces') addTraceIds(traces, part.batch)
      const { signal } = part.batch
      // The pipeline owns the batch from here on.
      const { accepted } = await pipeline.ingestBatch(part.batch)
      answer[signal === 'traces' ? 'spans' : 'logs'] += accepted
    }
    await pipeline.drain()
    return { ...answer, traces: traces.size }
  },
}

function addTraceIds(traces: Set<string>, { traceId, n }: SpanBatch): void {
  const ids = Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength)
  for (let row = 0; row < n; row++) traces.add(ids.toString('latin1', row * 16, row * 16 + 16))
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
