import type { Settings } from '../../config/settings.ts'
import { batchBuffers } from '../../model/columns.ts'
import type { RetentionPolicy, StorageStats, TelemetryStore, TelemetryWriter, WriteResult } from '../store.ts'
import { createMetricMoves, createMetricStore } from './metrics/metric-store.ts'
import { startReader } from './read/reader.ts'
import { WriterThread } from './writer-thread.ts'

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
  let renewReaders = async (): Promise<void> => undefined
  const movedAside = (file: string): void =>
    log.error({ file }, 'auxiliary.db was damaged: it was moved aside and a new one made')
  const thread = new WriterThread({
    dataDir,
    reserveBytes: settings.storage.reserveBytes,
    metricLimits: settings.metrics,
    problem: (sentence) => log.error({}, sentence),
    replaced: (file) => {
      if (file) movedAside(file)
      void renewReaders()
    },
  })
  const { quarantined } = await thread
    .call<{ quarantined: string | null }>('opened', null)
    .catch(async (error: Error) => {
      await thread.stop()
      throw error
    })
  if (quarantined) movedAside(quarantined)
  const reader = await startReader(dataDir, settings.query.timeoutMs, {
    damaged(block) {
      thread.call('setAside', block).catch((error: Error) => log.error({ block }, error.message))
    },
    keepSpread(packed) {
      thread.call('keepSpread', packed).catch((error: Error) => log.warn({}, error.message))
    },
  })
  renewReaders = () => reader.stop()
  let last = await thread.call<StorageStats>('stats', null)
  const writer: TelemetryWriter = {
    write: (batches) =>
      thread.call<WriteResult>('write', batches, [...batches.spans, ...batches.logs].flatMap(batchBuffers)),
    writeMoved: (batches, place) =>
      thread.call<WriteResult>(
        'writeMoved',
        { ...batches, place },
        [...batches.spans, ...batches.logs].flatMap(batchBuffers),
      ),
    movedTo: (move) => thread.call('movedTo', move),
    endMove: (move, undo) => thread.call('endMove', { move, undo }),
  }
  return {
    reader: {
      ...reader,
      sql: async (query, limit, context) => {
        // The reading threads see what is in the file, where the newest samples follow within a quarter second.
        if (/_metrics/i.test(query)) await thread.call('metricFlush', null)
        return reader.sql(query, limit, context)
      },
    },
    metrics: createMetricStore(
      (method, argument, transfer) => thread.call(method, argument, transfer),
      reader.askMetrics,
      (limits) => thread.setMetricLimits(limits),
    ),
    metricMoves: createMetricMoves((method, argument) => thread.call(method, argument), reader.askMetrics),
    writer,
    writerPort: (renew) => thread.port(renew),
    async stats() {
      try {
        last = await thread.call<StorageStats>('stats', null)
        return last
      } catch (error) {
        // Health must be able to say what is wrong while there is nobody to ask.
        return { ...last, mode: 'read-only', modeReason: thread.givenUp ?? (error as Error).message }
      }
    },
    replaceFile: (folder) => thread.call('replaceFile', folder),
    setPinned: (traceIds) => thread.setPinned(traceIds),
    runRetention: (policy: RetentionPolicy) => thread.call('retention', policy),
    usage: () => thread.call('usage', null),
    clear: () => thread.call('clear', null),
    async compact(goOn = () => true) {
      // Writes come in between.
      for (let steps = 1; (await thread.call<boolean>('compactStep', null)) && goOn(steps); steps++);
    },
    async stop() {
      await reader.stop()
      await thread.stop()
    },
  }
}
