import type { FigureSeries, MachineFigures } from '../model/answers.ts'
import type { Matcher, SeriesSamples } from '../model/series.ts'
import type { MetricReader } from '../storage/metric-store.ts'
import type { QueryContext } from '../storage/store.ts'
import { listHosts } from './hosts.ts'
import { thinSeries } from './promql/thin.ts'

/** Senders report every few seconds to once a minute: so much on both sides of the range has the samples next to it. */
const MARGIN_MS = 150_000
/** Older samples are 5-minute aggregates. */
const RAW_MS = 2 * 86_400_000
const OLD_MARGIN_MS = 660_000
const MOST_SAMPLES = 5_000_000
const MOST_POINTS = 1200

/** A figure and the metrics that tell it, the first that is there. */
interface Figure {
  group: FigureSeries['group']
  unit: FigureSeries['unit']
  metrics: readonly { name: string; make: (series: readonly SeriesSamples[]) => Points }[]
}
/** Values in order of time; `covers` = each holds for the time since the one before. */
interface Points {
  points: [timeMs: number, value: number][]
  covers: boolean
}

const IDLE = new Set(['idle', 'iowait', 'wait', 'steal'])
const label = (series: SeriesSamples, name: string): string => series.labels.find(([key]) => key === name)?.[1] ?? ''

/** Samples of several series added up by their time, as the senders of one round share it. */
function added(series: readonly SeriesSamples[]): [number, number][] {
  const sums = new Map<number, number>()
  for (const one of series)
    one.times.forEach((time, i) => {
      if (Number.isFinite(one.values[i])) sums.set(time, (sums.get(time) ?? 0) + one.values[i])
    })
  return [...sums].sort((a, b) => a[0] - b[0])
}
/** Growth a second of counters between two samples; a reset counts from nothing. */
function growth(series: readonly SeriesSamples[]): [number, number][] {
  const rates = series.map((one): SeriesSamples => {
    const kept = [...one.times.keys()].filter((i) => Number.isFinite(one.values[i]))
    const times = Float64Array.from(kept.slice(1), (i) => one.times[i])
    const values = Float64Array.from(kept.slice(1), (i, at) => {
      const before = kept[at]
      const by = one.values[i] >= one.values[before] ? one.values[i] - one.values[before] : one.values[i]
      return (by / (one.times[i] - one.times[before])) * 1000
    })
    return { ...one, times, values, kinds: null, histograms: null }
  })
  return added(rates)
}
const rate = (series: readonly SeriesSamples[]): Points => ({ points: growth(series), covers: true })
const level = (series: readonly SeriesSamples[]): Points => ({ points: added(series), covers: false })
/** The highest of several, each holding for the time before it. */
function highest(series: readonly SeriesSamples[]): Points {
  const most = new Map<number, number>()
  for (const one of series)
    one.times.forEach((time, i) => {
      if (Number.isFinite(one.values[i])) most.set(time, Math.max(most.get(time) ?? 0, one.values[i]))
    })
  return { points: [...most].sort((a, b) => a[0] - b[0]), covers: true }
}
/** The part of the whole that `wanted` series have. */
function share(all: [number, number][], wanted: [number, number][]): [number, number][] {
  const parts = new Map(wanted)
  return all.flatMap(([time, whole]): [number, number][] =>
    whole > 0 ? [[time, Math.min(1, Math.max(0, (parts.get(time) ?? 0) / whole))]] : [],
  )
}
const busyShare = (series: readonly SeriesSamples[]): Points => ({
  points: share(growth(series), growth(series.filter((one) => !IDLE.has(label(one, 'state'))))),
  covers: true,
})
const usedShare = (series: readonly SeriesSamples[]): Points => ({
  points: share(added(series), added(series.filter((one) => label(one, 'state') === 'used'))),
  covers: false,
})
const worstQuantile = (series: readonly SeriesSamples[]): Points => {
  const p99 = series.filter((one) => label(one, 'quantile') === '0.99')
  return highest(p99.length > 0 ? p99 : series)
}

/** Of the machine. The first two are also what OpenTelemetry's host metrics become. */
const HOST_FIGURES: readonly Figure[] = [
  { group: 'cpu', unit: 'ratio', metrics: [{ name: 'system_cpu_time_seconds_total', make: busyShare }] },
  { group: 'memory', unit: 'ratio', metrics: [{ name: 'system_memory_usage_bytes', make: usedShare }] },
]
/** Of the process, as OpenTelemetry's SDKs, Prometheus' clients and Glassbox itself name them. */
const PROCESS_FIGURES: readonly Figure[] = [
  {
    group: 'processCpu',
    unit: 'cores',
    metrics: [
      { name: 'process_cpu_time_seconds_total', make: rate },
      { name: 'jvm_cpu_time_seconds_total', make: rate },
      { name: 'nodejs_cpu_seconds_total', make: rate },
      { name: 'process_cpu_seconds_total', make: rate },
    ],
  },
  {
    group: 'processMemory',
    unit: 'bytes',
    metrics: [
      { name: 'process_memory_usage_bytes', make: level },
      { name: 'process_resident_memory_bytes', make: level },
      { name: 'nodejs_resident_memory_bytes', make: level },
      { name: 'jvm_memory_used_bytes', make: level },
      { name: 'go_memory_used_bytes', make: level },
    ],
  },
  {
    group: 'eventLoop',
    unit: 'seconds',
    metrics: [
      { name: 'nodejs_eventloop_delay_p99_seconds', make: highest },
      { name: 'nodejs_eventloop_delay_seconds', make: worstQuantile },
      { name: 'nodejs_eventloop_lag_p99_seconds', make: highest },
    ],
  },
  {
    group: 'gc',
    unit: 'ratio',
    metrics: [
      { name: 'v8js_gc_duration_seconds_sum', make: rate },
      { name: 'jvm_gc_duration_seconds_sum', make: rate },
      { name: 'nodejs_gc_duration_seconds_total', make: rate },
      { name: 'nodejs_gc_duration_seconds_sum', make: rate },
      { name: 'go_gc_duration_seconds_sum', make: rate },
    ],
  },
]

export interface MachineQuery {
  /** Whole ms, both ends inclusive. */
  start: number
  end: number
  now: number
  /** `host.name` of the resource; null = it names none. */
  host: string | null
  /** With its namespace before a slash, as PromQL's `job` has it. */
  service: string | null
  /** `service.instance.id` */
  instance: string | null
}

/**
 * What the machine and the process of a span were doing at that time, sample by sample: CPU, memory, event loop, garbage
 * collection. A resource without `host.name` is taken to be of the one machine that reports, where there is just one.
 */
export async function machineFigures(
  reader: MetricReader,
  query: MachineQuery,
  context: QueryContext,
): Promise<MachineFigures> {
  const margin = query.now - query.start > RAW_MS ? OLD_MARGIN_MS : MARGIN_MS
  const asked = { start: query.start - margin, end: query.end + margin }
  const select = async (figures: readonly Figure[], matchers: Matcher[]): Promise<SeriesSamples[]> => {
    const names = figures.flatMap(({ metrics }) => metrics.map(({ name }) => name)).join('|')
    const wanted: Matcher[] = [{ name: '__name__', op: '=~', value: names }, ...matchers]
    const options = { step: 0, func: null, maxSamples: MOST_SAMPLES }
    return (await reader.select({ matchers: wanted, ...asked, ...options }, context)).series
  }
  const known = query.host === null ? await listHosts(reader, query.now, context) : []
  const host = query.host ?? (known.length === 1 ? known[0].name : null)
  const [machine, process] = await Promise.all([
    host === null ? [] : select(HOST_FIGURES, [{ name: 'instance', op: '=', value: host }]),
    query.service === null
      ? []
      : select(PROCESS_FIGURES, [
          { name: 'job', op: '=', value: query.service },
          ...(query.instance === null ? [] : [{ name: 'instance', op: '=' as const, value: query.instance }]),
        ]),
  ])
  const instances = new Set(process.map((one) => label(one, 'instance')))
  // Figures of several processes added up would be those of none.
  const severalProcesses = instances.size > 1
  const series = [
    ...HOST_FIGURES.flatMap((figure) => figureSeries(figure, machine, query, asked)),
    ...(severalProcesses ? [] : PROCESS_FIGURES.flatMap((figure) => figureSeries(figure, process, query, asked))),
  ]
  return { host, assumed: query.host === null && host !== null, severalProcesses, series }
}

function figureSeries(
  { group, unit, metrics }: Figure,
  all: readonly SeriesSamples[],
  { start, end }: MachineQuery,
  asked: { start: number; end: number },
): FigureSeries[] {
  for (const { name, make } of metrics) {
    const own = all.filter((one) => label(one, '__name__') === name)
    const { points, covers } = make(own)
    // Those of the range, and on each side the next: what lies in between is known by them.
    const first = points.findLastIndex(([time]) => time <= start)
    const last = points.findIndex(([time]) => time >= end)
    const shown = points.slice(Math.max(0, first), last < 0 ? undefined : last + 1)
    if (shown.length === 0) continue
    const thinned = thinSeries(
      {
        labels: [],
        times: Float64Array.from(shown, ([time]) => time),
        values: Float64Array.from(shown, ([, value]) => value),
        histograms: null,
      },
      asked.start,
      asked.end,
      MOST_POINTS,
    )
    const list = [...thinned.times].map((time, i): [number, number] => [time * 1000, thinned.values[i]])
    return [{ group, unit, metric: name, covers, interval: middleGap(points) * 1000, points: list }]
  }
  return []
}

/** The middle of the times between two samples, ms; 0 with fewer than two. */
function middleGap(points: readonly [number, number][]): number {
  const gaps = points.slice(1).map(([time], i) => time - points[i][0])
  return gaps.sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0
}
