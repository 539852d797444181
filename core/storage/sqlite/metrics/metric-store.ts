import type { Transferable } from 'node:worker_threads'
import { packSamples } from '../../../model/packed-samples.ts'
import { seriesBuffers, unpackSeries } from '../../../model/packed-series.ts'
import type { Labels, MetricMetadata, SampleBatch, SeriesExemplars } from '../../../model/series.ts'
import { seriesKey } from '../../../model/series-key.ts'
import type { MetricExtras, MetricMoves, MetricScanPart } from '../../metric-move.ts'
import type {
  MetricStats,
  MetricStore,
  MetricWriteResult,
  PackedResult,
  SelectQuery,
  SelectResult,
} from '../../metric-store.ts'
import { SCAN_STEP_MS } from '../../scan.ts'
import type { QueryContext } from '../../store.ts'
import type { HeadSamples } from './metric-memory.ts'
import { checkSamples, compareLabels, type ExemplarsQuery, type SamplesQuery } from './read-samples.ts'

/** Asks the writer's thread. */
export type AskWriter = <T>(method: string, argument: unknown, transfer?: readonly Transferable[]) => Promise<T>
/** Asks a reading thread; cancellable. */
export type AskReader = <T>(
  method: string,
  argument: unknown,
  context?: QueryContext,
  transfer?: readonly Transferable[],
) => Promise<T>

const MOST_SERIES = 200_000

/**
 * Metric storage as the host holds it. The writer's thread finds series and hands over what it has in memory, a reading
 * thread adds the blocks. The head is read first: a sample that moves into a block meanwhile is then met twice, never
 * missed, and merging takes it once.
 */
export function createMetricStore(
  writer: AskWriter,
  reader: AskReader,
  setLimits: MetricStore['setLimits'],
): MetricStore {
  async function selectPacked(query: SelectQuery, context?: QueryContext): Promise<PackedResult> {
    const { matchers, start, end, func, maxSamples } = query
    const head = await writer<HeadSamples>('metricSelect', { matchers, start, end, maxSeries: MOST_SERIES })
    if (!head.more || head.ids.length === 0) {
      checkSamples(head.times.length, maxSamples)
      return { series: head, downsampled: false }
    }
    const asked: SamplesQuery = { head, start, end, func, maxSamples }
    return reader('metricSamples', asked, context, seriesBuffers(head))
  }
  return {
    setLimits,
    async writeSamples(batch: SampleBatch): Promise<MetricWriteResult> {
      const { packed, transfer } = packSamples(batch)
      return writer('writeSamples', packed, transfer)
    },
    selectPacked,
    async select(query, context): Promise<SelectResult> {
      const { series, ...told } = await selectPacked(query, context)
      return { series: unpackSeries(series), ...told }
    },
    async series(selectors, range, limit): Promise<Labels[]> {
      const { labels } = await writer<{ labels: Labels[] }>('metricSeries', { selectors, ...range, limit })
      return labels.sort(compareLabels)
    },
    labelNames: (selectors, range, limit) => writer<string[]>('metricLabelNames', { selectors, ...range, limit }),
    labelValues: (name, selectors, range, limit) =>
      writer<string[]>('metricLabelValues', { name, selectors, ...range, limit }),
    metadata: (metric, limit) => writer<MetricMetadata[]>('metricMetadata', { metric, limit }),
    async exemplars(selectors, range, context): Promise<SeriesExemplars[]> {
      await writer('metricFlush', null)
      const found = await writer<{ ids: number[]; labels: Labels[] }>('metricSeries', {
        selectors,
        ...range,
        limit: MOST_SERIES,
      })
      const query: ExemplarsQuery = { ids: found.ids, keys: found.labels.map(seriesKey), ...range }
      return reader('metricExemplars', query, context)
    },
    metricStats: () => writer<MetricStats>('metricStats', null),
  }
}

/** Moves of metrics as the host holds them. */
export function createMetricMoves(writer: AskWriter, reader: AskReader): MetricMoves {
  const patient = (context?: QueryContext): QueryContext => ({ timeoutMs: SCAN_STEP_MS, ...context })
  return {
    mark: () => writer<string>('metricMark', null),
    scan: (request, context) => reader<MetricScanPart>('scanMetrics', request, patient(context)),
    scanExtras: (context) => reader<MetricExtras>('scanMetricExtras', null, patient(context)),
    write: (samples, step) => writer<void>('writeMovedMetrics', { samples, step }),
    writeExtras: (extras) => writer<void>('writeMetricExtras', extras),
    end: (move, undo) => writer<void>('endMetricMove', { move, undo }),
  }
}
