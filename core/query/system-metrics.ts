import type { SystemMetrics, SystemSeries } from '../model/answers.ts'
import type { QueryContext } from '../storage/store.ts'
import type { MatrixSeries } from './promql/answer.ts'
import { type Evaluate, fewAtOnce } from './promql/few-at-once.ts'

/** At most so many points a series: two a pixel of a wide chart. */
const MOST_POINTS = 1200
/** So fine a range is evaluated at most, before it is thinned. */
const MOST_STEPS = 4320
const LEAST_STEP_MS = 5000
/** Queries of one request that wait or run at a time. */
export const AT_ONCE = 4
const DAY_MS = 86_400_000
/** Older samples are 5-minute aggregates: a rate needs two of them. */
const RAW_MS = 2 * DAY_MS
const OLD_RATE_MS = 660_000

interface Shown {
  group: string
  unit: string
  /** Labels that name the line within its group. */
  by: string[]
  /** PromQL; `$host` is the matcher of the host, `$rate` a window for rates, `$step` the step. */
  query: string
  /** With several hosts one line a host, of this expression. */
  together?: string
}

const sum = (by: string, metric: string, matchers = ''): string =>
  `sum by (${by}) (rate(${metric}{$host${matchers}}[$rate]))`
const CPU = 'system_cpu_time_seconds_total'
const FILES = 'system_filesystem_usage_bytes'

/** Heap in use and time spent on garbage, as OpenTelemetry's runtime metrics and Prometheus' clients of Node, the JVM and Go name them. */
const APP_HEAP = 'v8js_memory_heap_used_bytes|nodejs_heap_size_used_bytes|jvm_memory_used_bytes|go_memory_used_bytes'
const APP_GC = '(v8js|jvm|nodejs|go)_gc_duration_seconds_sum'
/** Apps report once a minute by default: their rates need so much to have two samples. */
const APP_RATE_MS = 150_000

/** What the System screen shows, group by group. Groups of apps have a line a service and no host. */
const SHOWN: Shown[] = [
  { group: 'cpu', unit: 'cores', by: ['state'], query: sum('instance, state', CPU) },
  {
    group: 'cpuUsage',
    unit: 'ratio',
    by: [],
    query: `1 - ${sum('instance', CPU, ',state=~"idle|iowait"')} / ${sum('instance', CPU)}`,
  },
  { group: 'load', unit: '', by: [], query: 'system_load_average_1m{$host}' },
  { group: 'memory', unit: 'bytes', by: ['state'], query: 'system_memory_usage_bytes{$host}' },
  { group: 'memoryLimit', unit: 'bytes', by: [], query: 'system_memory_limit_bytes{$host}' },
  { group: 'swap', unit: 'bytes', by: ['state'], query: 'system_paging_usage_bytes{$host}' },
  {
    group: 'disk',
    unit: 'bytes/s',
    by: ['direction'],
    query: sum('instance, direction', 'system_disk_io_bytes_total'),
    together: sum('instance', 'system_disk_io_bytes_total'),
  },
  {
    group: 'filesystem',
    unit: 'ratio',
    by: ['mountpoint'],
    query: `sum by (instance, mountpoint) (${FILES}{$host,state="used"}) / sum by (instance, mountpoint) (${FILES}{$host})`,
  },
  {
    group: 'filesystemSize',
    unit: 'bytes',
    by: ['mountpoint'],
    query: `sum by (instance, mountpoint) (${FILES}{$host})`,
  },
  {
    group: 'network',
    unit: 'bytes/s',
    by: ['direction'],
    query: sum('instance, direction', 'system_network_io_bytes_total'),
    together: sum('instance', 'system_network_io_bytes_total'),
  },
  {
    group: 'eventLoop',
    unit: 'seconds',
    by: ['quantile'],
    query: 'max by (instance, quantile) (max_over_time(nodejs_eventloop_delay_seconds{$host}[$step]))',
  },
  { group: 'heap', unit: 'bytes', by: ['state'], query: 'max by (instance, state) (nodejs_heap_usage_bytes{$host})' },
  { group: 'runtimeMemory', unit: 'bytes', by: [], query: 'max by (instance) (nodejs_resident_memory_bytes{$host})' },
  { group: 'queue', unit: '', by: [], query: 'sum by (instance) (max_over_time(glassbox_waiting{$host}[$step]))' },
  { group: 'drops', unit: '/s', by: [], query: 'sum by (instance) (rate(glassbox_dropped_total{$host}[$rate]))' },
  { group: 'jobs', unit: '', by: [], query: 'max by (instance) (max_over_time(glassbox_jobs_running{$host}[$step]))' },
  {
    group: 'appEventLoop',
    unit: 'seconds',
    by: ['job'],
    query: 'max by (job) ({__name__=~"nodejs_eventloop_delay_p99_seconds|nodejs_eventloop_lag_p99_seconds"} $ofHost)',
  },
  {
    group: 'appHeap',
    unit: 'bytes',
    by: ['job'],
    query: `sum by (job) ({__name__=~"${APP_HEAP}",jvm_memory_type!="non_heap"} $ofHost)`,
  },
  {
    group: 'appGc',
    unit: 'ratio',
    by: ['job'],
    query: `sum by (job) (rate({__name__=~"${APP_GC}"}[$slow]) $ofHost)`,
  },
  { group: 'uptime', unit: 'seconds', by: [], query: 'max by (instance) (system_uptime_seconds{$host})' },
]

export interface SystemRange {
  /** Whole ms, both ends inclusive. */
  start: number
  end: number
  now: number
}

/** The step at which a range is evaluated and the window of its rates, whole ms. */
function systemSteps({ start, end, now }: SystemRange): { step: number; rate: number } {
  const step = Math.max(LEAST_STEP_MS, Math.ceil((end - start) / MOST_STEPS / 1000) * 1000)
  const rate = Math.max(now - start > RAW_MS ? OLD_RATE_MS : 60_000, step * 2)
  return { step, rate }
}

/**
 * The host and runtime series of the System screen over a range, evaluated as PromQL on the threads of `engine`.
 * @param host only this one; null = all
 */
export async function systemMetrics(
  engine: Evaluate,
  range: SystemRange,
  host: string | null,
  context: QueryContext,
): Promise<SystemMetrics> {
  const promql = fewAtOnce(engine, AT_ONCE)
  const { step, rate } = systemSteps(range)
  const known = await promql.instant(
    `count by (instance) (last_over_time(system_uptime_seconds[${range.end - range.start}ms]))`,
    range.end,
    context,
  )
  const several = host === null && known.value.type === 'vector' && known.value.samples.length > 1
  const matcher = host === null ? 'instance!=""' : `instance=${JSON.stringify(host)}`
  // An app's instance is its process; its machine stands in target_info.
  const ofHost = host === null ? '' : `and on (job, instance) target_info{host_name=${JSON.stringify(host)}}`
  const answers = await Promise.all(
    SHOWN.map(async (shown) => {
      const text = (several ? shown.together : undefined) ?? shown.query
      const query = text
        .replaceAll('$host', matcher)
        .replaceAll('$ofHost', ofHost)
        .replaceAll('$rate', `${rate}ms`)
        .replaceAll('$slow', `${Math.max(rate, APP_RATE_MS)}ms`)
        .replaceAll('$step', `${step}ms`)
      const start = Math.ceil(range.start / step) * step
      const asked = { ...context, mostPoints: MOST_POINTS }
      const answer = await promql.range(query, Math.min(start, range.end), range.end, step, asked)
      const series = answer.value.type === 'matrix' ? answer.value.series : []
      return { downsampled: answer.downsampled, series: series.map((one) => shownSeries(shown, one)) }
    }),
  )
  const series = answers.flatMap((answer) => answer.series).filter(({ points }) => points.length > 0)
  const hosts = new Map<string, number>()
  for (const one of series)
    if (one.host !== '') hosts.set(one.host, Math.max(hosts.get(one.host) ?? 0, one.points[one.points.length - 1][0]))
  return {
    start: range.start * 1000,
    end: range.end * 1000,
    step: step * 1000,
    downsampled: answers.some(({ downsampled }) => downsampled),
    hosts: [...hosts].map(([name, lastSeen]) => ({ name, lastSeen })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    series,
  }
}

function shownSeries({ group, unit, by }: Shown, { labels, times, values }: MatrixSeries): SystemSeries {
  const label = (name: string): string => labels.find(([key]) => key === name)?.[1] ?? ''
  return {
    group,
    host: label('instance'),
    name: by.map(label).filter(Boolean).join(' ') || group,
    unit,
    points: pointsOf(times, values),
  }
}

/** Finite points as [µs, value]. */
export function pointsOf(times: Float64Array, values: Float64Array): [time: number, value: number][] {
  const points: [number, number][] = []
  for (let i = 0; i < times.length; i++) if (Number.isFinite(values[i])) points.push([times[i] * 1000, values[i]])
  return points
}
