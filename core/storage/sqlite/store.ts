import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { RpcClient } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import type { Settings } from '../../config/settings.ts'
import { batchBuffers } from '../../model/columns.ts'
import type { RetentionPolicy, StorageStats, TelemetryStore, TelemetryWriter, WriteResult } from '../store.ts'
import { startReader } from './reader.ts'

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Opens the SQLite engine: the writer's thread first, as it makes the tables, then the readers'. */
export async function openSqliteStore(options: {
  dataDir: string
  settings: Settings
  log: Log
}): Promise<TelemetryStore> {
  const { dataDir, settings, log } = options
  const worker = new Worker(workerFile(import.meta.url, './writer.worker.ts'), {
    workerData: { dataDir, reserveBytes: settings.storage.reserveBytes },
  })
  const rpc = new RpcClient(worker)
  worker.on('error', (error) => {
    log.error({ error: error.message }, 'the storage thread died')
    rpc.close(error)
  })
  const { quarantined } = await rpc.call<{ quarantined: string | null }>('opened', null)
  if (quarantined) log.error({ file: quarantined }, 'auxiliary.db was damaged: it was moved aside and a new one made')
  const reader = await startReader(dataDir, settings.query.timeoutMs)
  const writer: TelemetryWriter = {
    write: (batches) =>
      rpc.call<WriteResult>('write', batches, [...batches.spans, ...batches.logs].flatMap(batchBuffers)),
  }
  return {
    reader,
    writer,
    writerPort(): MessagePort {
      const { port1, port2 } = new MessageChannel()
      worker.postMessage({ kind: 'notice', method: 'connect', argument: port1 }, [port1])
      return port2
    },
    stats: () => rpc.call<StorageStats>('stats', null),
    runRetention: (policy: RetentionPolicy) => rpc.call('retention', policy),
    compact: () => rpc.call('compact', null),
    async stop() {
      await reader.stop()
      await rpc.call('stop', null)
      await worker.terminate()
    },
  }
}
