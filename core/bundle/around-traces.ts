import { GlassboxError } from '../base/errors.ts'
import type { Matcher, MetricMetadata, SeriesExemplars, SeriesSamples } from '../model/series.ts'
import type { MetricReader } from '../storage/metric-store.ts'
import type { TelemetryReader } from '../storage/store.ts'

/** A stretch of time, whole ms, both ends inclusive. */
export interface Stretch {
  start: number
  end: number
}

/** Samples that one bundle holds at most: what is around a trace, not a store. */
const MOST_SAMPLES = 5_000_000
const MOST_NAMES = 100_000
const STEP_MS = 60_000
/** Labels that say which service a series is of. */
const SERVICE_LABELS = new Set(['service_name', 'service', 'job'])

/** The times around traces, those that touch made one. Spans are µs. */
export function stretchesAround(spans: readonly { start: number; dur: number }[], aroundUs: number): Stretch[] {
  const all = spans
    .map(({ start, dur }) => ({
      start: Math.floor((start - aroundUs) / 1000),
      end: Math.ceil((start + dur + aroundUs) / 1000),
    }))
    .sort((a, b) => a.start - b.start)
  const joined: Stretch[] = []
  for (const one of all) {
    const last = joined.at(-1)
    if (last && one.start <= last.end) last.end = Math.max(last.end, one.end)
    else joined.push({ ...one })
  }
  return joined
}

export interface Around {
  samples(series: SeriesSamples[]): Promise<void>
  extras(metadata: MetricMetadata[], exemplars: SeriesExemplars[]): Promise<void>
  progress(done: number, total: number): void
}

/**
 * Hands over the samples around traces, metric by metric: those of the traces' services, and those of hosts, runtimes and
 * everything else that is not of another service.
 * @returns hosts that have samples, and what was left out, as sentences
 */
export async function metricsAround(
  { metrics, reader }: { metrics: MetricReader; reader: Pick<TelemetryReader, 'services'> },
  {
    stretches,
    services,
    signal,
  }: { stretches: readonly Stretch[]; services: ReadonlySet<string>; signal: AbortSignal },
  out: Around,
): Promise<{ hosts: string[]; warnings: string[] }> {
  const context = { signal, timeoutMs: STEP_MS }
  const named: Matcher = { name: '__name__', op: '=~', value: '.+' }
  const others = new Set<string>()
  const hosts = new Set<string>()
  const names = new Set<string>()
  for (const { start, end } of stretches) {
    for (const { service } of await reader.services({ start: start * 1000, end: end * 1000 + 1 }, context))
      if (!services.has(service)) others.add(service)
    for (const name of await metrics.labelValues('__name__', [[named]], { start, end }, MOST_NAMES, context))
      names.add(name)
  }
  let samples = 0
  let done = 0
  const leftOut: string[] = []
  for (const name of [...names].sort()) {
    signal.throwIfAborted()
    out.progress(done++, names.size)
    // What stands in every line of the list cannot be left out by half.
    const found: SeriesSamples[] = []
    try {
      for (const stretch of stretches) {
        const { series } = await metrics.select(
          {
            matchers: [{ name: '__name__', op: '=', value: name }],
            ...stretch,
            step: 0,
            func: null,
            maxSamples: MOST_SAMPLES - samples,
          },
          context,
        )
        found.push(
          ...series.filter(
            ({ labels }) => !labels.some(([key, value]) => SERVICE_LABELS.has(key) && others.has(value)),
          ),
        )
      }
    } catch (error) {
      if (!(error instanceof GlassboxError) || error.code !== 'query_too_large') throw error
      leftOut.push(name)
      continue
    }
    const own = found.filter(({ times }) => times.length > 0)
    const size = own.reduce((sum, { times }) => sum + times.length, 0)
    if (samples + size > MOST_SAMPLES) {
      leftOut.push(name)
      continue
    }
    samples += size
    for (const { labels } of own) {
      const of = Object.fromEntries(labels)
      if (of['job'] === 'host' && of['instance']) hosts.add(of['instance'])
    }
    if (own.length > 0) await out.samples(own)
  }
  if (names.size > 0) {
    const exemplars: SeriesExemplars[] = []
    for (const stretch of stretches)
      for (const one of await metrics.exemplars([[named]], stretch, context))
        if (!one.series.some(([key, value]) => SERVICE_LABELS.has(key) && others.has(value))) exemplars.push(one)
    await out.extras(await metrics.metadata(null, MOST_NAMES, context), exemplars)
  }
  const warnings =
    leftOut.length === 0
      ? []
      : [
          `${leftOut.length} metrics were left out, as a bundle holds ${MOST_SAMPLES} samples at most: ${leftOut.slice(0, 20).join(', ')}`,
        ]
  return { hosts: [...hosts].sort(), warnings }
}
