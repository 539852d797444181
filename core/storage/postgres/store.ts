import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { GlassboxError } from '../../base/errors.ts'
import { RpcClient, serveRpc } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import type { Settings } from '../../config/settings.ts'
import { batchBuffers } from '../../model/columns.ts'
import type { RetentionPolicy, StorageStats, TelemetryStore, WriteResult } from '../store.ts'
import { readTarget, settleTarget } from './connection.ts'
import { startReader } from './reader.ts'
import type { WriterOptions } from './writer.ts'

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * Opens the Postgres engine: connects, makes the tables, then takes writes and queries.
 * @throws GlassboxError of the `postgres_…` kind, each with what to do
 */
export async function openPostgresStore(options: {
  dataDir: string
  settings: Settings
  log: Log
  /** Where this host keeps metrics; stopped together with the store. */
  local: TelemetryStore
}): Promise<TelemetryStore> {
  const { dataDir, settings, log, local } = options
  const { postgresUrl, postgresSchema, postgresDurable, queueBytes } = settings.storage
  const target = await settleTarget(readTarget(postgresUrl, postgresSchema))
  const worker = new Worker(workerFile(import.meta.url, './postgres-writer.worker.ts'), {
    name: 'storage',
    workerData: {
      target,
      hostId: hostId(dataDir),
      queueDir: join(dataDir, 'queue'),
      queueBytes,
      durable: postgresDurable,
    } satisfies WriterOptions,
  })
  const rpc = new RpcClient(worker)
  serveRpc(worker, {
    away: ({ reason }: { reason: string }) => log.warn({}, `Postgres is away: ${reason}`),
    back: () => log.info({}, 'Postgres is back'),
    problem: (sentence: string) => log.error({}, sentence),
  })
  worker.on('error', (error) => log.error({ error: error.message }, 'the storage thread died'))
  worker.on('exit', () => rpc.close(new GlassboxError('storage_unavailable', 'the storage thread stopped')))
  try {
    await rpc.call('opened', null)
  } catch (error) {
    await worker.terminate()
    throw error
  }
  const reader = startReader(target, settings.query.timeoutMs)
  return {
    reader,
    metrics: local.metrics,
    writer: {
      write: (batches) =>
        rpc.call<WriteResult>('write', batches, [...batches.spans, ...batches.logs].flatMap(batchBuffers)),
      writeMoved: (batches, place) =>
        rpc.call<WriteResult>(
          'writeMoved',
          { ...batches, place },
          [...batches.spans, ...batches.logs].flatMap(batchBuffers),
        ),
      movedTo: (move) => rpc.call('movedTo', move),
      endMove: (move, undo) => rpc.call('endMove', { move, undo }),
      replaceWithMove: (move, mark) => rpc.call('replaceWithMove', { move, mark }),
    },
    writerPort(renew) {
      const { port1, port2 } = new MessageChannel()
      const metrics = local.writerPort(renew && ((port) => rpc.notify('metrics', port, [port])))
      rpc.notify('connect', { port: port1, metrics }, [port1, metrics])
      return port2
    },
    stats: () => rpc.call<StorageStats>('stats', null),
    async runRetention(policy: RetentionPolicy) {
      await local.runRetention(policy)
      return rpc.call('retention', policy)
    },
    // Partitions need no merging.
    compact: () => local.compact(),
    async stop() {
      await Promise.all([reader.stop(), local.stop(), rpc.call('stop', null).finally(() => worker.terminate())])
    },
  }
}

/** Names this data directory's host in every row, the same after a restart. */
function hostId(dataDir: string): string {
  const file = join(dataDir, 'host-id')
  if (existsSync(file)) {
    const known = readFileSync(file, 'utf8').trim()
    if (/^[0-9a-f]{12}$/.test(known)) return known
  }
  const made = randomBytes(6).toString('hex')
  writeFileSync(file, made, { mode: 0o600 })
  return made
}
