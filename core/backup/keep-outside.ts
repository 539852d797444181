import type { JobProgress } from '../model/job.ts'
import { SampleBatchBuilder } from '../model/sample-batch-builder.ts'
import type { Labels, SeriesSamples } from '../model/series.ts'
import { ContentSums } from '../storage/content-sum.ts'
import { scanAll } from '../storage/scan.ts'
import type { DayTotal } from './archive/manifest.ts'
import { openBackupSource } from './open-source.ts'
import type { ReplaceScope, StoredBefore } from './replace-scope.ts'
import { isOfService, type RestoreTarget } from './restore-telemetry.ts'
import { rowsOutside } from './rows-within.ts'
import { dayText } from './write-backup.ts'

interface KeepHooks {
  signal: AbortSignal
  progress(progress: JobProgress): void
}

/**
 * Copies the spans and log records outside the scope to the target.
 * @returns what was copied, by signal and day
 */
export async function keepRowsOutside(
  { dataDir, storage, scope, upTo }: StoredBefore,
  target: RestoreTarget,
  { signal, progress }: KeepHooks,
): Promise<DayTotal[]> {
  const source = await openBackupSource(dataDir, storage)
  try {
    const mark = upTo ?? (await source.scanner.scanMark())
    const sums = new ContentSums()
    let done = 0
    for await (const part of scanAll(source.scanner, { after: null, upTo: mark, since: null }, signal)) {
      signal.throwIfAborted()
      const spans = part.spans
        .map((batch) => (scope.traces ? rowsOutside(batch, scope) : batch))
        .filter(({ n }) => n > 0)
      const logs = part.logs.map((batch) => (scope.logs ? rowsOutside(batch, scope) : batch)).filter(({ n }) => n > 0)
      for (const batch of [...spans, ...logs]) {
        sums.add(batch)
        done += batch.n
      }
      if (spans.length + logs.length > 0) await target.write({ spans, logs }, part.cursor)
      progress({ phase: 'keep', done, total: null, unit: 'rows' })
    }
    return sums.days().map(({ signal: of, day, rows, sum }) => ({ signal: of, day: dayText(day), rows, sum }))
  } finally {
    await source.close()
  }
}

const SAMPLES_A_WRITE = 50_000

/**
 * Copies the samples outside the scope that lie before its end, or those after it with all that is said of metrics: between
 * the two come those of the archive, as the samples of a series must be stored in order.
 */
export async function keepSamplesOutside(
  { dataDir, storage, scope, beforeMs }: StoredBefore,
  side: 'before' | 'after',
  target: RestoreTarget,
  { signal }: KeepHooks,
): Promise<void> {
  const source = await openBackupSource(dataDir, storage)
  try {
    if (!source.metrics) return
    const endMs = scope.metrics && scope.end !== null ? Math.ceil(scope.end / 1000) : Number.POSITIVE_INFINITY
    const latest = (beforeMs ?? Number.MAX_SAFE_INTEGER) - 1
    const [from, to] = side === 'before' ? [0, Math.min(latest, endMs - 1)] : [endMs, latest]
    let waiting = new SampleBatchBuilder()
    for await (const series of from <= to ? source.metrics.samples(from, to) : []) {
      signal.throwIfAborted()
      waiting.addSeries(scope.metrics ? samplesOutside(series, scope) : series)
      if (waiting.count < SAMPLES_A_WRITE) continue
      await target.writeSamples(waiting.finish())
      waiting = new SampleBatchBuilder()
    }
    if (side === 'after') {
      for (const one of await source.metrics.metadata()) waiting.metadata(one)
      for await (const { series, exemplars } of source.metrics.exemplars()) {
        const own = waiting.series(series)
        for (const one of exemplars)
          if (!scope.metrics || isOutside(series, one.time, scope)) waiting.exemplar(own, one)
      }
    }
    await target.writeSamples(waiting.finish())
  } finally {
    await source.close()
  }
}

/** @param time ms */
function isOutside(labels: Labels, time: number, { start, end, service }: ReplaceScope): boolean {
  const us = time * 1000
  return (
    (start !== null && us < start) || (end !== null && us >= end) || (service !== null && !isOfService(labels, service))
  )
}

function samplesOutside(series: SeriesSamples, scope: ReplaceScope): SeriesSamples {
  const { labels, times, values, kinds, histograms } = series
  const keep: number[] = []
  for (let i = 0; i < times.length; i++) if (isOutside(labels, times[i], scope)) keep.push(i)
  if (keep.length === times.length) return series
  return {
    labels,
    times: Float64Array.from(keep, (i) => times[i]),
    values: Float64Array.from(keep, (i) => values[i]),
    kinds: kinds && Uint8Array.from(keep, (i) => kinds[i]),
    histograms: histograms && keep.map((i) => histograms[i]),
  }
}
