import { type MessagePort, parentPort } from 'node:worker_threads'
import { RpcClient, serveRpc } from '../base/rpc.ts'
import { importFile } from '../formats/import/import-file.ts'
import { batchBuffers, type SpanBatch } from '../model/columns.ts'
import type { ImportAnswer } from '../model/import.ts'
import { packDecoded } from '../model/packed-samples.ts'
import type { TakenSamples } from './decode-in-thread.ts'

const maxRefused = 1000
const maxWarnings = 100
/** Distinct trace ids are remembered up to here to be counted once; about 100 MB. */
const maxTraceIds = 1_000_000

/**
 * Decodes one file in a thread of its own. Pulls: the next bytes are asked for when the last are decoded, and a batch
 * must be taken before the next is made, so that neither side piles anything up.
 */
const main = parentPort as MessagePort
const caller = new RpcClient(main)

serveRpc(main, {
  async run({ name, receivedUs }: { name: string; receivedUs: number }): Promise<ImportAnswer> {
    const answer: ImportAnswer = { traces: 0, spans: 0, logs: 0, points: 0, refused: [], warnings: [] }
    const traces = new Set<string>()
    let refused = 0
    for await (const part of importFile(chunks(), name, receivedUs)) {
      if (part.refused && ++refused <= maxRefused) answer.refused.push(part.refused)
      if (part.warning && answer.warnings.length < maxWarnings) answer.warnings.push(part.warning)
      if (part.samples) {
        const { decoded, transfer } = packDecoded(part.samples)
        const { accepted, warning } = await caller.call<TakenSamples>('takeSamples', decoded, transfer)
        answer.points += accepted
        if (warning && answer.warnings.length < maxWarnings) answer.warnings.push(warning)
      }
      if (!part.batch) continue
      const { batch } = part
      if (batch.signal === 'traces') addTraceIds(traces, batch)
      answer[batch.signal === 'traces' ? 'spans' : 'logs'] += await caller.call<number>(
        'take',
        batch,
        batchBuffers(batch),
      )
    }
    if (refused > maxRefused) answer.warnings.push(`${refused} refusals; the first ${maxRefused} are listed`)
    if (traces.size >= maxTraceIds) answer.warnings.push(`traces are counted up to ${maxTraceIds}; there may be more`)
    return { ...answer, traces: traces.size }
  },
})

async function* chunks(): AsyncGenerator<Uint8Array> {
  for (;;) {
    const chunk = await caller.call<Uint8Array | null>('read', null)
    if (!chunk) return
    yield chunk
  }
}

function addTraceIds(traces: Set<string>, { traceId, n }: SpanBatch): void {
  const ids = Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength)
  for (let row = 0; row < n && traces.size < maxTraceIds; row++)
    traces.add(ids.toString('latin1', row * 16, row * 16 + 16))
}
