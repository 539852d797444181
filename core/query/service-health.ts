import type { ServiceHealth, ServiceRow, SystemExemplar, SystemMark } from '../model/answers.ts'
import type { Labels, Matcher } from '../model/series.ts'
import type { MetricReader } from '../storage/metric-store.ts'
import type { QueryContext } from '../storage/store.ts'
import { ALL_FEATURES, type MatrixSeries, type PromqlAnswer } from './promql/answer.ts'
import { type Evaluate, fewAtOnce } from './promql/few-at-once.ts'
import { AT_ONCE, pointsOf, type SystemRange } from './system-metrics.ts'

/** Requests by service, as core/pipeline/service-metrics.ts counts them. */
const REQUESTS = 'traces_service_duration_seconds'
const LINE_POINTS = 300
const TREND_POINTS = 60
const LEAST_STEP_MS = 10_000
const DAY_MS = 86_400_000
const RAW_MS = 2 * DAY_MS
const OLD_RATE_MS = 660_000
/** What is usual is the middle of the P99 of each ten minutes of the day before the range. */
const USUAL_STEP = '10m'
/** So many points of the range itself tell what is usual where there was nothing before. */
const LEAST_USUAL_POINTS = 8
const MOST_EXEMPLARS = 60
const MOST_SAMPLES = 20_000_000
/** The newest deploys that are marked. */
const MOST_MARKS = 12

type Points = [time: number, value: number][]

/**
 * Latency, errors and rate of every service over a range, and as lines of one service (null = all together). Everything
 * is PromQL over what was counted before sampling; quantiles are never averaged. Durations are µs.
 */
export async function serviceHealth(
  parts: { promql: Evaluate; reader: MetricReader },
  range: SystemRange,
  service: string | null,
  context: QueryContext,
): Promise<ServiceHealth> {
  const { reader } = parts
  const promql = fewAtOnce(parts.promql, AT_ONCE)
  const asked = { ...context, features: ALL_FEATURES }
  const { start, end } = range
  const length = Math.max(1000, end - start)
  const old = range.now - start > RAW_MS
  const one = `service_name=${JSON.stringify(service ?? '')}`
  const each = 'service_name!=""'
  const whole = `${length}ms`
  const window = (of: number): string => `${Math.max(old ? OLD_RATE_MS : 60_000, of)}ms`
  const now = (query: string, time = end): Promise<Map<string, number>> =>
    promql.instant(query, time, asked).then(byService)
  const counted = countedMs(
    (await now(`min(ts_of_first_over_time(${REQUESTS}_count{${each}}[${whole}]))`)).get(''),
    range,
  )
  const step = stepOf(counted, LINE_POINTS)
  const trendStep = stepOf(counted, TREND_POINTS)
  const lines = (query: string, of = step): Promise<MatrixSeries[]> =>
    promql.range(query, Math.min(end, Math.ceil((end - counted) / of) * of), end, of, asked).then(matrix)
  const rateOf = (part: string, whose: string, per: string): string => `rate(${REQUESTS}${part}{${whose}}[${per}])`
  const all = (q: string): string => `histogram_quantiles(${q}, "quantile", 0.5, 0.95, 0.99)`
  const [quantiles, rate, errors, rates, failed, trends, exact, usual, exemplars, marks] = await Promise.all([
    lines(all(rateOf('_bucket', one, window(step)))),
    lines(rateOf('_count', one, window(step))),
    lines(`${rateOf('_errors_total', one, window(step))} / ${rateOf('_count', one, window(step))}`),
    now(rateOf('_count', each, whole)),
    now(rateOf('_errors_total', each, whole)),
    lines(`histogram_quantile(0.99, ${rateOf('_bucket', each, window(trendStep))})`, trendStep),
    promql.instant(all(rateOf('_bucket', each, whole)), end, asked),
    now(
      `quantile_over_time(0.5, histogram_quantile(0.99, ${rateOf('_bucket', each, USUAL_STEP)})[1d:${USUAL_STEP}])`,
      start,
    ),
    exemplarsOf(reader, service, range, context),
    deploysOf(reader, range, context),
  ])
  const quantile = (name: string): Points =>
    micros(quantiles.find(({ labels }) => labelOf(labels, 'quantile') === name))
  return {
    start: start * 1000,
    end: end * 1000,
    step: step * 1000,
    trendStep: trendStep * 1000,
    services: rowsOf({ rates, failed, covered: counted / length, trends, exact, usual }),
    lines: {
      p50: quantile('0.5'),
      p95: quantile('0.95'),
      p99: quantile('0.99'),
      errors: errors[0] ? pointsOf(errors[0].times, errors[0].values) : [],
      rate: rate[0] ? pointsOf(rate[0].times, rate[0].values) : [],
    },
    exemplars,
    marks,
  }
}

function stepOf(length: number, points: number): number {
  return Math.max(LEAST_STEP_MS, Math.ceil(length / points / 1000) * 1000)
}

/** How much of a range, ms, lies behind the first count (s): rates and lines are of the time in which requests were counted. */
function countedMs(first: number | undefined, { start, end }: SystemRange): number {
  return Math.min(Math.max(1000, end - start), Math.max(LEAST_STEP_MS, end - (first ?? 0) * 1000))
}

function rowsOf(found: {
  rates: Map<string, number>
  failed: Map<string, number>
  covered: number
  trends: MatrixSeries[]
  exact: PromqlAnswer
  usual: Map<string, number>
}): ServiceRow[] {
  const quantiles = new Map<string, Map<string, number>>()
  if (found.exact.value.type === 'vector')
    for (const { labels, value } of found.exact.value.samples) {
      const service = labelOf(labels, 'service_name')
      const own = quantiles.get(service) ?? new Map<string, number>()
      quantiles.set(service, own)
      own.set(labelOf(labels, 'quantile'), value)
    }
  const trends = new Map(found.trends.map((one) => [labelOf(one.labels, 'service_name'), micros(one)]))
  const rows: ServiceRow[] = []
  for (const [service, rate] of found.rates) {
    if (!(rate > 0)) continue
    const at = (name: string): number | null => finite(quantiles.get(service)?.get(name), 1e6)
    const trend = trends.get(service) ?? []
    const p99 = at('0.99')
    const usual = finite(found.usual.get(service), 1e6) ?? middle(trend)
    const peak = trend.reduce<Points[number] | null>((top, point) => (top && top[1] >= point[1] ? top : point), null)
    rows.push({
      service,
      rate: rate / found.covered,
      errors: Math.min(1, (found.failed.get(service) ?? 0) / rate),
      p50: at('0.5'),
      p95: at('0.95'),
      p99,
      usualP99: usual,
      change: usual && p99 !== null ? p99 / usual : null,
      peak: peak && { time: peak[0], value: peak[1] },
      trend,
    })
  }
  return rows.sort((a, b) => (b.change ?? 0) - (a.change ?? 0) || b.rate - a.rate || (a.service < b.service ? -1 : 1))
}

function middle(points: Points): number | null {
  if (points.length < LEAST_USUAL_POINTS) return null
  const sorted = points.map(([, value]) => value).sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)]
}

function finite(value: number | undefined, factor: number): number | null {
  return value !== undefined && Number.isFinite(value) ? value * factor : null
}

function micros(series: MatrixSeries | undefined): Points {
  if (!series) return []
  return pointsOf(series.times, series.values).map(([time, seconds]) => [time, Math.round(seconds * 1e6)])
}

/** The slowest kept requests of the range, a few of each part of it. */
async function exemplarsOf(
  reader: MetricReader,
  service: string | null,
  range: SystemRange,
  context: QueryContext,
): Promise<SystemExemplar[]> {
  const selector: Matcher[] = [
    { name: '__name__', op: '=', value: `${REQUESTS}_bucket` },
    { name: 'le', op: '=', value: '+Inf' },
    service === null
      ? { name: 'service_name', op: '!=', value: '' }
      : { name: 'service_name', op: '=', value: service },
  ]
  const found = await reader.exemplars([selector], range, context)
  const best = new Map<number, SystemExemplar>()
  for (const { series, exemplars } of found)
    for (const { labels, value, time } of exemplars) {
      const part = Math.floor(((time - range.start) / Math.max(1, range.end - range.start)) * MOST_EXEMPLARS)
      const known = best.get(part)
      if (known && known.value >= value * 1e6) continue
      best.set(part, {
        time: time * 1000,
        value: Math.round(value * 1e6),
        traceId: labelOf(labels, 'trace_id'),
        spanId: labelOf(labels, 'span_id'),
        service: labelOf(series, 'service_name'),
      })
    }
  return [...best.values()].sort((a, b) => a.time - b.time)
}

/** When a version of a service was first seen within a day before the range's end or in it, and another before it. */
async function deploysOf(reader: MetricReader, range: SystemRange, context: QueryContext): Promise<SystemMark[]> {
  const info: Matcher[] = [{ name: '__name__', op: '=', value: 'traces_service_info' }]
  const from = range.start - DAY_MS
  const { series } = await reader.select(
    { matchers: info, start: from, end: range.end, step: 0, func: null, maxSamples: MOST_SAMPLES },
    context,
  )
  const firsts = series
    .filter(({ times }) => times.length > 0)
    .map(({ labels, times }) => ({
      service: labelOf(labels, 'service_name'),
      version: labelOf(labels, 'service_version'),
      time: times[0],
    }))
    .sort((a, b) => a.time - b.time)
  const known = new Set<string>()
  const marks: SystemMark[] = []
  for (const { service, version, time } of firsts) {
    if (known.has(service) && time >= range.start) marks.push({ kind: 'deploy', time: time * 1000, service, version })
    known.add(service)
  }
  return marks.slice(-MOST_MARKS)
}

function matrix(answer: PromqlAnswer): MatrixSeries[] {
  return answer.value.type === 'matrix' ? answer.value.series : []
}

function byService(answer: PromqlAnswer): Map<string, number> {
  if (answer.value.type !== 'vector') return new Map()
  return new Map(answer.value.samples.map(({ labels, value }) => [labelOf(labels, 'service_name'), value]))
}

function labelOf(labels: Labels, name: string): string {
  return labels.find(([key]) => key === name)?.[1] ?? ''
}
