import { matcherTest } from '../../core/model/label-regex.ts'
import { type Labels, SampleKind, type SeriesSamples } from '../../core/model/series.ts'
import { ALL_FEATURES, DEFAULT_LIMITS, type EvaluationSettings } from '../../core/query/promql/answer.ts'
import { createPromqlEngine } from '../../core/query/promql/engine.ts'
import { evaluateQuery } from '../../core/query/promql/evaluate-query.ts'
import type { MetricReader } from '../../core/storage/metric-store.ts'

/**
 * PromQL over 1,000 series of 24 h at 15 s, step 60 s: evaluation alone, with the thread in between, and as a ratio to
 * one raw pass over the samples that the query reads. Run: node test/bench/promql.ts
 */
const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1)
const END = START + 24 * HOUR
const SCRAPE = 15_000
const STEP = 60_000
const RUNS = 5

/** Park and Miller's generator: the same series in every run. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

function makeSeries(
  labels: Labels,
  seed: number,
  next: (before: number, random: () => number) => number,
): SeriesSamples {
  const random = generator(seed)
  const count = (END - START) / SCRAPE + 1 + (5 * 60_000) / SCRAPE
  const times = new Float64Array(count)
  const values = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    times[i] = START - 5 * 60_000 + i * SCRAPE + (seed % 15) * 1000
    values[i] = i === 0 ? 0 : next(values[i - 1], random)
  }
  return { labels, times, values, kinds: null, histograms: null }
}

const BOUNDS = ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1.0', '2.5', '5.0', '+Inf']

function makeData(): SeriesSamples[] {
  const series: SeriesSamples[] = []
  for (let i = 0; i < 159; i++)
    series.push(
      makeSeries(
        [
          ['__name__', 'http_requests_total'],
          ['instance', `host-${i % 20}`],
          ['job', `job-${i % 5}`],
          ['path', `/p${i}`],
        ],
        i + 1,
        // A reset about once a day.
        (before, random) => (random() < 0.0002 ? 0 : before + Math.floor(random() * 20)),
      ),
    )
  for (let i = 0; i < 48; i++)
    BOUNDS.forEach((le, b) => {
      series.push(
        makeSeries(
          [
            ['__name__', 'http_duration_seconds_bucket'],
            ['instance', `host-${i % 12}`],
            ['le', le],
            ['path', `/p${i}`],
          ],
          1000 + i,
          (before, random) => before + Math.floor(random() * 10) * (b + 1),
        ),
      )
    })
  for (let i = 0; series.length < 1000; i++)
    series.push(
      makeSeries(
        [
          ['__name__', 'memory_bytes'],
          ['instance', `host-${i}`],
        ],
        5000 + i,
        (before, random) => Math.max(0, before + (random() - 0.5) * 1e6),
      ),
    )
  return series
}

const data = makeData()
const select: MetricReader['select'] = async ({ matchers, start, end }) => {
  const tests = matchers.map((matcher) => ({ name: matcher.name, test: matcherTest(matcher) }))
  const series = data
    .filter(({ labels }) => tests.every(({ name, test }) => test(labels.find((label) => label[0] === name)?.[1] ?? '')))
    .map((one) => {
      const from = one.times.findIndex((time) => time >= start)
      const to = one.times.findLastIndex((time) => time <= end) + 1
      return { ...one, times: one.times.slice(from, to), values: one.values.slice(from, to) }
    })
  return { series, downsampled: false }
}

const QUERIES = [
  { name: 'rate[5m], 159 series', query: 'rate(http_requests_total[5m])', prometheus: 167 },
  { name: 'sum by (job) of rate[5m]', query: 'sum by (job) (rate(http_requests_total[5m]))', prometheus: 104 },
  {
    name: 'P99 over 528 buckets',
    query: 'histogram_quantile(0.99, sum by (le, instance) (rate(http_duration_seconds_bucket[5m])))',
    prometheus: 398,
  },
  { name: 'max_over_time[1h], 313 series', query: 'max_over_time(memory_bytes[1h])', prometheus: 59 },
  { name: 'sum of all 1,000 gauges', query: 'sum({__name__=~".+"})', prometheus: null },
  { name: 'rate[5m] of all 1,000', query: 'sum by (instance) (rate({__name__=~".+"}[5m]))', prometheus: null },
  {
    name: 'vector / vector',
    query: 'rate(http_requests_total[5m]) / rate(http_requests_total[10m])',
    prometheus: null,
  },
  { name: 'topk(5)', query: 'topk(5, memory_bytes)', prometheus: null },
]

const settings: EvaluationSettings = {
  features: ALL_FEATURES,
  limits: DEFAULT_LIMITS,
  lookbackMs: 300_000,
  subqueryStepMs: 60_000,
}

/** The fastest of some runs: wall time, and CPU time of the whole process (which a busy machine does not stretch). */
async function best(work: () => Promise<unknown>): Promise<{ wall: number; cpu: number }> {
  const fastest = { wall: Number.POSITIVE_INFINITY, cpu: Number.POSITIVE_INFINITY }
  for (let i = 0; i < RUNS; i++) {
    const from = performance.now()
    const cpu = process.cpuUsage()
    await work()
    const used = process.cpuUsage(cpu)
    fastest.wall = Math.min(fastest.wall, performance.now() - from)
    fastest.cpu = Math.min(fastest.cpu, (used.user + used.system) / 1000)
  }
  return fastest
}

/** The raw limit: every sample of the query looked at once. */
async function rawPass(series: readonly SeriesSamples[]): Promise<void> {
  let sum = 0
  for (const { times, values, kinds } of series)
    for (let i = 0; i < times.length; i++) if (!kinds || kinds[i] === SampleKind.float) sum += values[i] + times[i]
  if (Number.isNaN(sum)) throw new Error('the data is broken')
}

const engine = createPromqlEngine({ reader: { select }, workers: 1, features: ALL_FEATURES })
const flag = new Int32Array(1)
console.log(`${data.length} series, ${data.reduce((sum, one) => sum + one.times.length, 0)} samples; best of ${RUNS}`)
console.log(
  'query                           eval ms (CPU)  with thread ms (CPU)  raw ms (CPU)  eval/raw  Prometheus ms  ratio',
)
for (const { name, query, prometheus } of QUERIES) {
  const loaded = new Map<string, Awaited<ReturnType<typeof select>>>()
  const remembering: Pick<MetricReader, 'select'> = {
    select: async (asked) => {
      const key = JSON.stringify([asked.matchers, asked.start, asked.end])
      const result = loaded.get(key) ?? (await select(asked))
      loaded.set(key, result)
      return result
    },
  }
  const text = { query, start: START, end: END, step: STEP }
  const alone = await best(() => evaluateQuery(text, settings, remembering, flag))
  const read = [...loaded.values()].flatMap((result) => result.series)
  const thread = await best(() => engine.range(query, START, END, STEP))
  const raw = await best(() => rawPass(read))
  const pair = ({ wall, cpu }: { wall: number; cpu: number }): string => `${wall.toFixed(1)} (${cpu.toFixed(1)})`
  const against =
    prometheus === null ? '' : `${String(prometheus).padStart(14)}${(thread.wall / prometheus).toFixed(2).padStart(7)}`
  console.log(
    name.padEnd(30) +
      pair(alone).padStart(15) +
      pair(thread).padStart(22) +
      pair(raw).padStart(14) +
      (alone.cpu / raw.cpu).toFixed(1).padStart(10) +
      against,
  )
}
await engine.stop()
