import { parentPort } from 'node:worker_threads'
import { RpcClient, serveRpc } from '../base/rpc.ts'
import { batchBuffers } from '../model/columns.ts'
import type { MetricWriteResult } from '../storage/metric-store.ts'
import { type CarryOrder, carryRows } from './carry-rows.ts'
import { type FreshOrder, freshRows } from './fresh-rows.ts'
import { keepRowsOutside } from './keep-outside.ts'
import {
  type BackupOrder,
  backupToFile,
  configOfPlaces,
  type Hooks,
  type InspectOrder,
  inspectPlaces,
  mergeTelemetry,
  type RestoreOrder,
  type StageOrder,
  stageTelemetry,
  type VerifyOrder,
  verifyPlaces,
} from './operations.ts'
import { countInside, type InsideOrder, type StoredBefore } from './replace-scope.ts'
import type { RestoreTarget } from './restore-telemetry.ts'

/** One piece of work with archives, off the main thread; it ends when it is done. */
if (!parentPort) throw new Error('backup.worker.ts runs as a worker')
const main = parentPort
const control = new AbortController()
const host = new RpcClient(main)

let told = 0
const hooks: Hooks = {
  signal: control.signal,
  progress(progress) {
    if (performance.now() - told < 200 && progress.done !== progress.total) return
    told = performance.now()
    main.postMessage({ kind: 'notice', method: 'progress', argument: progress })
  },
}

/** Rows go to the store through the main thread, which has its writer; their buffers are handed over. */
const target: RestoreTarget = {
  write: (batches, cursor) =>
    host.call('write', { batches, cursor }, [...batches.spans, ...batches.logs].flatMap(batchBuffers)),
  writeSamples: (batch) => host.call<MetricWriteResult>('writeSamples', batch),
}

serveRpc(main, {
  cancel: () => control.abort(new Error('the work was cancelled')),
  backup: (order: BackupOrder) => backupToFile(order, hooks),
  verify: (order: VerifyOrder) => verifyPlaces(order, hooks),
  inspect: (order: InspectOrder) => inspectPlaces(order),
  config: (order: InspectOrder) => configOfPlaces(order),
  stage: (order: StageOrder) => stageTelemetry(order, hooks),
  keep: (order: StoredBefore) => keepRowsOutside(order, target, hooks),
  inside: (order: InsideOrder) => countInside(order, control.signal),
  carry: (order: CarryOrder) => carryRows(order, target, hooks),
  merge: async (order: RestoreOrder & { after: string | null; fresh: FreshOrder | null }) =>
    mergeTelemetry(order, target, hooks, order.fresh ? await freshRows(order, order.fresh, hooks) : undefined),
})
