import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MessageChannel, Worker } from 'node:worker_threads'
import { GlassboxError } from '../../base/errors.ts'
import { RpcClient, serveRpc } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import type { Settings } from '../../config/settings.ts'
import { batchBuffers } from '../../model/columns.ts'
import { createMetricMoves, createMetricStore } from '../sqlite/metrics/metric-store.ts'
import type { RetentionPolicy, StorageStats, TelemetryStore, WriteResult } from '../store.ts'
import type { EngineUsage } from '../usage.ts'
import { readTarget } from './connection.ts'
import { startReader } from './reader.ts'
import { withReplica } from './replica-reader.ts'
import type { WriterOptions } from './writer.ts'

interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/**
 * Opens the Postgres engine: connects, makes the tables, then takes writes and queries. A server that is away is waited
 * for: writes go to the queue on disk meanwhile.
 * @throws GlassboxError of the `postgres_…` kind when waiting would not help, each with what to do
 */
export async function openPostgresStore(options: {
  dataDir: string
  settings: Settings
  log: Log
}): Promise<TelemetryStore> {
  const { dataDir, settings, log } = options
  const { postgresUrl, postgresReadUrl, postgresSchema, postgresDurable, queueBytes } = settings.storage
  const target = readTarget(postgresUrl, postgresSchema)
  if (postgresReadUrl !== '' && !postgresDurable) {
    throw new GlassboxError(
      'bad_setting',
      'storage.postgresReadUrl names a replica, and UNLOGGED tables are not replicated',
      'Set storage.postgresDurable to true, or leave storage.postgresReadUrl empty.',
    )
  }
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
  const told = new Set<() => void>()
  let unreachable: GlassboxError | null = null
  serveRpc(worker, {
    away: ({ reason, connected }: { reason: string; connected: boolean }) => {
      if (!connected) unreachable = new GlassboxError('postgres_unreachable', reason)
      log.warn({}, `Postgres is away: ${reason}`)
    },
    back: () => {
      unreachable = null
      log.info({}, 'Postgres is back')
    },
    problem: (sentence: string) => log.error({}, sentence),
    heard: () => {
      for (const tell of told) tell()
    },
  })
  worker.on('error', (error) => log.error({ error: error.message }, 'the storage thread died'))
  worker.on('exit', () => rpc.close(new GlassboxError('storage_unavailable', 'the storage thread stopped')))
  try {
    await rpc.call('opened', null)
  } catch (error) {
    await worker.terminate()
    throw error
  }
  rpc.notify('metricLimits', settings.metrics)
  // The writing thread knows first that the server is away; a replica has a life of its own.
  const server = startReader(target, settings.query.timeoutMs, () => unreachable)
  const reader =
    postgresReadUrl === ''
      ? server
      : withReplica(server, startReader(readTarget(postgresReadUrl, postgresSchema), settings.query.timeoutMs))
  return {
    reader: {
      ...reader,
      sql: async (query, limit, context) => {
        // The reading thread sees what is in the database, where the newest samples follow within half a second.
        if (/_metrics/i.test(query)) await rpc.call('metricFlush', null)
        return reader.sql(query, limit, context)
      },
    },
    metrics: createMetricStore(
      (method, argument, transfer) => rpc.call(method, argument, transfer),
      reader.askMetrics,
      (limits) => rpc.notify('metricLimits', limits),
    ),
    metricMoves: createMetricMoves((method, argument) => rpc.call(method, argument), reader.askMetrics),
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
    writerPort() {
      const { port1, port2 } = new MessageChannel()
      rpc.notify('connect', port1, [port1])
      return port2
    },
    onForeignWrite(tell) {
      told.add(tell)
      return () => told.delete(tell)
    },
    usage: () => rpc.call<EngineUsage>('usage', null),
    clear: () => rpc.call('clear', null),
    stats: () => rpc.call<StorageStats>('stats', null),
    setPinned: (traceIds) => rpc.notify('setPinned', traceIds),
    runRetention: (policy: RetentionPolicy) => rpc.call('retention', policy),
    // Spans and log records need no merging; samples do.
    compact: () => rpc.call('compact', null),
    async stop() {
      await Promise.all([reader.stop(), rpc.call('stop', null).finally(() => worker.terminate())])
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
