import type { SystemMetrics, SystemSeries } from '../model/answers.ts'
import type { SeriesSamples } from '../model/series.ts'
import type { MetricReader } from '../storage/metric-store.ts'
import type { QueryContext } from '../storage/store.ts'

/** At most so many points a series: two a pixel of a chart. */
const MOST_POINTS = 600
const MOST_SAMPLES = 20_000_000
const LEAST_STEP_MS = 5000

interface Shown {
  group: string
  metric: string
  unit: string
  /** Labels that name the line within its group. */
  by: string[]
  /** A counter is shown as its rate a second. */
  counter?: boolean
  /** Only series that have these labels. */
  where?: Record<string, string>
}

/** What the System screen shows, group by group. */
const SHOWN: Shown[] = [
  { group: 'cpu', metric: 'system_cpu_time_seconds_total', unit: 'cores', by: ['state'], counter: true },
  { group: 'load', metric: 'system_load_average_1m', unit: '', by: [] },
  { group: 'memory', metric: 'system_memory_usage_bytes', unit: 'bytes', by: ['state'] },
  { group: 'memoryLimit', metric: 'system_memory_limit_bytes', unit: 'bytes', by: [] },
  { group: 'swap', metric: 'system_paging_usage_bytes', unit: 'bytes', by: ['state'] },
  { group: 'disk', metric: 'system_disk_io_bytes_total', unit: 'bytes/s', by: ['device', 'direction'], counter: true },
  { group: 'filesystem', metric: 'system_filesystem_usage_bytes', unit: 'bytes', by: ['mountpoint', 'state'] },
  {
    group: 'network',
    metric: 'system_network_io_bytes_total',
    unit: 'bytes/s',
    by: ['device', 'direction'],
    counter: true,
  },
  { group: 'eventLoop', metric: 'nodejs_eventloop_delay_seconds', unit: 'seconds', by: ['quantile'] },
  { group: 'heap', metric: 'nodejs_heap_usage_bytes', unit: 'bytes', by: ['state'] },
  { group: 'runtimeMemory', metric: 'nodejs_resident_memory_bytes', unit: 'bytes', by: [] },
]

/**
 * The host and runtime series of the System screen over a range.
 * @param range whole ms, both ends inclusive
 * @param host only this one; null = all
 */
export async function systemMetrics(
  reader: MetricReader,
  range: { start: number; end: number },
  host: string | null,
  context: QueryContext,
): Promise<SystemMetrics> {
  const stepMs = Math.max(LEAST_STEP_MS, Math.ceil((range.end - range.start) / MOST_POINTS))
  const series: SystemSeries[] = []
  let downsampled = false
  const hosts = new Map<string, number>()
  for (const shown of SHOWN) {
    const answer = await reader.select(
      {
        matchers: [
          { name: '__name__', op: '=', value: shown.metric },
          ...(host === null ? [] : [{ name: 'instance', op: '=' as const, value: host }]),
        ],
        ...range,
        step: stepMs,
        func: shown.counter ? 'rate' : null,
        maxSamples: MOST_SAMPLES,
      },
      context,
    )
    downsampled ||= answer.downsampled
    for (const one of answer.series) {
      const label = (name: string): string => one.labels.find(([key]) => key === name)?.[1] ?? ''
      const instance = label('instance')
      if (one.times.length > 0) hosts.set(instance, Math.max(hosts.get(instance) ?? 0, one.times[one.times.length - 1]))
      const points = shown.counter ? ratePoints(one, range.start, stepMs) : lastPoints(one, range.start, stepMs)
      if (points.length === 0) continue
      series.push({
        group: shown.group,
        metric: shown.metric,
        host: instance,
        name: shown.by.map(label).filter(Boolean).join(' ') || shown.group,
        unit: shown.unit,
        points,
      })
    }
  }
  return {
    start: range.start * 1000,
    end: range.end * 1000,
    step: stepMs * 1000,
    downsampled,
    hosts: [...hosts]
      .map(([name, last]) => ({ name, lastSeen: last * 1000 }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    series,
  }
}

/** Runs of samples by bucket of `stepMs`; calls `take` with the index of the last of each. */
function eachBucket(
  { times, kinds }: SeriesSamples,
  start: number,
  stepMs: number,
  take: (last: number) => void,
): void {
  for (let i = 0; i < times.length; i++) {
    if (kinds && kinds[i] !== 0) continue
    const bucket = Math.floor((times[i] - start) / stepMs)
    if (i + 1 === times.length || Math.floor((times[i + 1] - start) / stepMs) !== bucket) take(i)
  }
}

function lastPoints(one: SeriesSamples, start: number, stepMs: number): [number, number][] {
  const points: [number, number][] = []
  eachBucket(one, start, stepMs, (i) => points.push([one.times[i] * 1000, one.values[i]]))
  return points
}

/** The rate over each bucket: what the counter grew, drops counted as restarts. */
function ratePoints(one: SeriesSamples, start: number, stepMs: number): [number, number][] {
  const points: [number, number][] = []
  let from = -1
  eachBucket(one, start, stepMs, (i) => {
    if (from >= 0) {
      let grown = 0
      for (let k = from + 1; k <= i; k++) {
        const delta = one.values[k] - one.values[k - 1]
        grown += delta < 0 ? one.values[k] : delta
      }
      points.push([one.times[i] * 1000, (grown * 1000) / (one.times[i] - one.times[from])])
    }
    from = i
  })
  return points
}
