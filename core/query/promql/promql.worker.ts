import { parentPort } from 'node:worker_threads'
import { RpcClient, serveRpc } from '../../base/rpc.ts'
import type { SelectQuery, SelectResult } from '../../storage/metric-store.ts'
import type { EvaluationRequest } from './engine.ts'
import { evaluateQuery } from './evaluate-query.ts'

/** One evaluating thread: it asks the thread that started it for samples, then computes without waiting. */
if (!parentPort) throw new Error('promql.worker.ts runs as a worker')
const storage = new RpcClient(parentPort)

serveRpc(parentPort, {
  evaluate: ({ id, query, start, end, step, settings, flag }: EvaluationRequest) =>
    evaluateQuery(
      { query, start, end, step },
      settings,
      { select: (asked: SelectQuery) => storage.call<SelectResult>('select', { id, query: asked }) },
      new Int32Array(flag),
    ),
})
