import { parentPort } from 'node:worker_threads'
import { RpcClient, serveRpc, Transferred } from '../../base/rpc.ts'
import type { SelectQuery, SelectResult } from '../../storage/metric-store.ts'
import type { PromqlAnswer } from './answer.ts'
import type { EvaluationRequest } from './engine.ts'
import { evaluateQuery } from './evaluate-query.ts'
import { thinSeries } from './thin.ts'

/** One evaluating thread: it asks the thread that started it for samples, then computes without waiting. */
if (!parentPort) throw new Error('promql.worker.ts runs as a worker')
const storage = new RpcClient(parentPort)

serveRpc(parentPort, {
  evaluate: async ({ id, query, start, end, step, settings, flag, mostPoints }: EvaluationRequest) => {
    const answer = await evaluateQuery(
      { query, start, end, step },
      settings,
      { select: (asked: SelectQuery) => storage.call<SelectResult>('select', { id, query: asked }) },
      new Int32Array(flag),
    )
    if (mostPoints !== null && answer.value.type === 'matrix')
      answer.value.series = answer.value.series.map((series) => thinSeries(series, start, end, mostPoints))
    return new Transferred(answer, buffersOf(answer))
  },
})

/** The columns of a matrix, each handed over once: samples of a range vector may be those of another. */
function buffersOf({ value }: PromqlAnswer): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>()
  if (value.type === 'matrix')
    for (const { times, values } of value.series)
      for (const { buffer } of [times, values]) if (buffer instanceof ArrayBuffer) buffers.add(buffer)
  return [...buffers]
}
