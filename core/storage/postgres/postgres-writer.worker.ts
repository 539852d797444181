import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { serveRpc, Transferred } from '../../base/rpc.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import type { PackedSamples } from '../../model/packed-samples.ts'
import { seriesBuffers } from '../../model/packed-series.ts'
import type { MetricExtras, MetricStep, MovedSamples } from '../metric-move.ts'
import type { MetricLimits } from '../metric-store.ts'
import type { HeadQuery, SeriesQuery } from '../sqlite/metrics/metric-memory.ts'
import type { RefusedRows, RetentionPolicy } from '../store.ts'
import { Writer, type WriterOptions } from './writer.ts'

/** The one thread that writes to Postgres. */
if (!parentPort) throw new Error('postgres-writer.worker.ts runs as a worker')
const main = parentPort
/** Where the last one who writes hears of what is refused later, and what it was not told yet. */
let listener: MessagePort | null = null
const refused: RefusedRows = { spans: 0, logs: 0 }
function tellRefused(): void {
  if (!listener || refused.spans + refused.logs === 0) return
  listener.postMessage({ kind: 'notice', method: 'refusedLater', argument: { ...refused } })
  refused.spans = 0
  refused.logs = 0
}
const writer = new Writer(
  workerData as WriterOptions,
  systemClock,
  (method, argument) => main.postMessage({ kind: 'notice', method, argument }),
  ({ spans, logs }) => {
    refused.spans += spans
    refused.logs += logs
    tellRefused()
  },
)
const opened = writer.open()
opened.catch(() => undefined)

interface MovedWrite {
  spans: SpanBatch[]
  logs: LogBatch[]
  place: { move: string; cursor: string }
}

const handlers = {
  write: ({ spans, logs }: { spans: SpanBatch[]; logs: LogBatch[] }) => writer.write(spans, logs),
  writeMoved: ({ spans, logs, place }: MovedWrite) => writer.writeMoved(spans, logs, place),
  movedTo: (move: string) => writer.movedTo(move),
  replaceWithMove: ({ move, mark }: { move: string; mark: string }) => writer.replaceWithMove(move, mark),
  endMove: ({ move, undo }: { move: string; undo: boolean }) => writer.endMove(move, undo),
  metricMark: () => writer.metricMark(),
  writeMovedMetrics: ({ samples, step }: { samples: MovedSamples[]; step: MetricStep }) =>
    writer.writeMovedMetrics(samples, step),
  writeMetricExtras: (extras: MetricExtras) => writer.writeMetricExtras(extras),
  endMetricMove: ({ move, undo }: { move: string; undo: boolean }) => writer.endMetricMove(move, undo),
  writeSamples: (batch: PackedSamples) => writer.metrics.write(batch),
  metricLimits: (limits: MetricLimits) => {
    writer.metrics.memory.limits = limits
  },
  metricSelect: async (query: HeadQuery) => {
    await writer.followMetrics()
    const head = writer.metrics.memory.select(query)
    return new Transferred(head, seriesBuffers(head))
  },
  metricSeries: async (query: SeriesQuery) => {
    await writer.followMetrics()
    return writer.metrics.memory.series(query)
  },
  metricLabelNames: async (query: SeriesQuery) => {
    await writer.followMetrics()
    return writer.metrics.memory.labelNames(query)
  },
  metricLabelValues: async (query: SeriesQuery & { name: string }) => {
    await writer.followMetrics()
    return writer.metrics.memory.labelValues(query)
  },
  metricMetadata: (query: { metric: string | null; limit: number }) => writer.metrics.memory.metadata(query),
  metricStats: () => writer.metrics.memory.stats(),
  metricFlush: () => writer.saveMetrics(),
  compact: () => writer.compact(),
  usage: () => writer.usage(),
  clear: () => writer.clear(),
  stats: () => writer.stats(),
  setPinned: (traceIds: readonly string[]) => writer.setPinned(traceIds),
  retention: (policy: RetentionPolicy) => writer.retention(policy),
  opened: () => opened,
  stop: () => writer.stop(),
  metricsPending: () => writer.metrics.memory.pending,
  connect: (port: MessagePort) => {
    const { write, writeSamples, metricsPending } = handlers
    serveRpc(port, { write, writeSamples, metricsPending })
    listener = port
    tellRefused()
  },
}
serveRpc(main, handlers)
