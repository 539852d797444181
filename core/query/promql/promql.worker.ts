import { parentPort } from 'node:worker_threads'
import { GlassboxError } from '../../base/errors.ts'
import { release } from '../../base/release.ts'
import { RpcClient, serveRpc, Transferred } from '../../base/rpc.ts'
import { unpackSeries } from '../../model/packed-series.ts'
import type { PackedResult, SelectQuery } from '../../storage/metric-store.ts'
import type { PromqlAnswer, PromqlJson, PromqlValue } from './answer.ts'
import type { EvaluationRequest } from './engine.ts'
import { evaluateQuery } from './evaluate-query.ts'
import { thinSeries } from './thin.ts'
import { valueJson } from './value-json.ts'

/** One evaluating thread: it asks the thread that started it for samples, then computes without waiting. */
if (!parentPort) throw new Error('promql.worker.ts runs as a worker')
const storage = new RpcClient(parentPort)

serveRpc(parentPort, {
  evaluate: async ({ id, query, start, end, step, settings, flag, mostPoints, jsonLimit }: EvaluationRequest) => {
    const read: Float64Array[] = []
    const answer = await evaluateQuery(
      { query, start, end, step },
      settings,
      {
        select: async (asked: SelectQuery) => {
          const { series, ...told } = await storage.call<PackedResult>('select', { id, query: asked })
          read.push(series.times, series.values)
          return { series: unpackSeries(series), ...told }
        },
      },
      new Int32Array(flag),
    )
    if (mostPoints !== null && answer.value.type === 'matrix')
      answer.value.series = answer.value.series.map((series) => thinSeries(series, start, end, mostPoints))
    if (jsonLimit === null) return new Transferred(answer, buffersOf(answer))
    const { value, ...told } = answer
    const { data, truncated } = encoded(value, jsonLimit)
    // A day of 1,000 series is 90 MB, which would lie about until this thread's heap is full.
    for (const column of read) release(column)
    return new Transferred({ ...told, data, truncated } satisfies PromqlJson, [data.buffer])
  },
})

/** @throws GlassboxError `query_too_large` for an answer beyond the longest text there can be (512 MiB) */
function encoded(value: PromqlValue, limit: number): { data: Uint8Array<ArrayBuffer>; truncated: boolean } {
  try {
    const { json, truncated } = valueJson(value, limit)
    return { data: new TextEncoder().encode(json), truncated }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new GlassboxError('query_too_large', 'the answer is too large to be sent', 'Take a larger step, or a limit.')
  }
}

/** The columns of a matrix, each handed over once: samples of a range vector may be those of another. */
function buffersOf({ value }: PromqlAnswer): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  if (value.type === 'matrix')
    for (const { times, values } of value.series)
      for (const { buffer } of [times, values]) if (buffer instanceof ArrayBuffer) buffers.add(buffer)
  return [...buffers]
}
