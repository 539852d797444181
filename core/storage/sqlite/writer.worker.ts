import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { release } from '../../base/release.ts'
import { serveRpc, Transferred } from '../../base/rpc.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import type { PackedSamples } from '../../model/packed-samples.ts'
import { seriesBuffers } from '../../model/packed-series.ts'
import type { MetricExtras, MetricStep, MovedSamples } from '../metric-move.ts'
import type { MetricLimits } from '../metric-store.ts'
import type { RetentionPolicy } from '../store.ts'
import type { BlockName } from './blocks/damaged-block.ts'
import { machineClock } from './machine-clock.ts'
import type { HeadQuery, SeriesQuery } from './metrics/metric-memory.ts'
import { troubleOf, unavailable } from './storage-trouble.ts'
import { Writer, type WriterOptions } from './writer.ts'

/** The one thread that writes auxiliary.db. */
if (!parentPort) throw new Error('writer.worker.ts runs as a worker')
const main = parentPort
let opened: Writer | null = null

/** The writer; where the file could not be opened it is tried again at each call. */
function writer(): Writer {
  try {
    opened ??= new Writer(workerData as WriterOptions, machineClock(), (event) =>
      main.postMessage({ kind: 'notice', ...event }),
    )
    return opened
  } catch (error) {
    const trouble = troubleOf(error)
    throw trouble === null ? error : unavailable(trouble, error)
  }
}

interface MovedWrite {
  spans: SpanBatch[]
  logs: LogBatch[]
  place: { move: string; cursor: string }
}

const handlers = {
  write: ({ spans, logs }: { spans: SpanBatch[]; logs: LogBatch[] }) => writer().write(spans, logs),
  writeMoved: ({ spans, logs, place }: MovedWrite) => writer().writeMoved(spans, logs, place),
  replaceFile: (folder: string) => writer().replaceFile(folder),
  movedTo: (move: string) => writer().movedTo(move),
  endMove: ({ move, undo }: { move: string; undo: boolean }) => writer().endMove(move, undo),
  metricMark: () => writer().metricMark(),
  writeMovedMetrics: ({ samples, step }: { samples: MovedSamples[]; step: MetricStep }) =>
    writer().writeMovedMetrics(samples, step),
  writeMetricExtras: (extras: MetricExtras) => writer().writeMetricExtras(extras),
  endMetricMove: ({ move, undo }: { move: string; undo: boolean }) => writer().endMetricMove(move, undo),
  writeSamples: (batch: PackedSamples) => {
    const result = writer().metrics.write(batch)
    // The head has copied them.
    for (const column of [batch.seriesOf, batch.times, batch.values, batch.kinds]) release(column)
    return result
  },
  metricLimits: (limits: MetricLimits) => {
    writer().metrics.memory.limits = limits
  },
  metricSelect: (query: HeadQuery) => {
    const head = writer().metrics.memory.select(query)
    return new Transferred(head, seriesBuffers(head))
  },
  metricSeries: (query: SeriesQuery) => writer().metrics.memory.series(query),
  metricLabelNames: (query: SeriesQuery) => writer().metrics.memory.labelNames(query),
  metricLabelValues: (query: SeriesQuery & { name: string }) => writer().metrics.memory.labelValues(query),
  metricMetadata: (query: { metric: string | null; limit: number }) => writer().metrics.memory.metadata(query),
  metricStats: () => writer().metrics.memory.stats(),
  metricFlush: () => writer().metrics.flush(),
  stats: () => writer().stats(),
  setPinned: (traceIds: readonly string[]) => writer().setPinned(traceIds),
  retention: (policy: RetentionPolicy) => writer().retention(policy),
  usage: () => writer().usage(),
  clear: () => writer().clear(),
  compactStep: () => writer().compactStep(),
  setAside: (block: BlockName) => writer().setAside(block),
  keepSpread: (packed: Uint8Array) => writer().keepSpread(packed),
  opened: () => writer().opened(),
  stop: () => opened?.stop(),
  metricsPending: () => writer().metrics.memory.pending,
  connect: (port: MessagePort) => {
    const { write, writeSamples, metricsPending } = handlers
    serveRpc(port, { write, writeSamples, metricsPending })
  },
}
serveRpc(main, handlers)
