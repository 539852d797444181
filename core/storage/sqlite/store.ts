import { mkdirSync } from 'node:fs'
import { MessageChannel, Worker } from 'node:worker_threads'
import type { Clock } from '../../base/clock.ts'
import { GlassboxError } from '../../base/errors.ts'
import { RpcClient, serveRpc } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import type { Settings } from '../../config/settings.ts'
import { batchBuffers } from '../../model/columns.ts'
import type { TelemetryStore } from '../store.ts'
import { startReader } from './reader.ts'
import type { WriterWorkerData } from './writer.worker.ts'

export interface StoreLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export interface SqliteStoreOptions {
  dataDir: string
  settings: Settings
  clock: Clock
  log: StoreLog
}

/**
 * Opens `auxiliary.db` in `dataDir`: the writer's thread first, which lays the tables, then the reader.
 * @throws GlassboxError `storage_unavailable` when the file cannot be opened
 */
export async function openSqliteStore({ dataDir, settings, log }: SqliteStoreOptions): Promise<TelemetryStore> {
  mkdirSync(dataDir, { recursive: true })
  const workerData: WriterWorkerData = { dataDir, reserveBytes: settings.storage.reserveBytes }
  const worker = new Worker(workerFile(import.meta.url, './writer.worker.ts'), { name: 'storage-writer', workerData })
  const rpc = new RpcClient(worker)
  await new Promise<void>((resolve, reject) => {
    serveRpc(worker, {
      ready: () => resolve(),
      written: () => undefined,
      damaged: (aside: string) => log.error({ file: aside }, 'telemetry was damaged; the file was set aside, a new one made'),
    })
    worker.on('error', (error) => {
      const failure = new GlassboxError('storage_unavailable', `the storage writer died: ${error.message}`)
      log.error({ err: error }, 'the storage writer died')
      rpc.close(failure)
      reject(failure)
    })
  })
  const reader = await startReader(dataDir, settings.query.timeoutMs).catch(async (error: unknown) => {
    await worker.terminate()
    throw error
  })
  return {
    reader,
    writer: {
      write: (batches) => rpc.call('write', batches, [...batches.spans, ...batches.logs].flatMap(batchBuffers)),
    },
    writerPort: () => {
      const { port1, port2 } = new MessageChannel()
      worker.postMessage({ kind: 'notice', method: 'connect', argument: port1 }, [port1])
      return port2
    },
    stats: () => rpc.call('stats', null),
    runRetention: (policy) => rpc.call('retention', policy),
    compact: () => rpc.call('compact', null),
    stop: async () => {
      await reader.stop()
      await rpc.call('stop', null).catch((error: Error) => log.warn({ err: error }, 'storage did not stop cleanly'))
      rpc.close(new GlassboxError('storage_unavailable', 'storage is stopped'))
      await worker.terminate()
    },
  }
}
