/**
 * The same remote write and the same queries to Glassbox and to the Prometheus on the PATH, one after the other:
 * `node test/bench/beside-prometheus.ts [--series 100000]`. Prints both figures and their ratio (ours to theirs); where no
 * Prometheus is installed, ours alone. Quote the request shape with the figure.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { compressSync } from 'snappy'
import { programOnPath, startPrometheus } from '../fixtures/prometheus/real-prometheus.ts'
import { generator } from '../fixtures/prometheus/same-metrics.ts'
import { bytes, double, message, varint } from '../fixtures/protobuf-fields.ts'
import { serveProcess } from '../fixtures/served-process.ts'

const { values } = parseArgs({ options: { series: { type: 'string', default: '100000' } } })
const MANY = Number(values.series)
const A_REQUEST = 2000
const ROUND_MS = 15_000
const DAY = 86_400_000
const RUNS = 5
/** Of instant queries, which are so short that the first ones measure how warm a thread is. */
const INSTANT_RUNS = 20
const NOW = Math.floor(Date.now() / ROUND_MS) * ROUND_MS

type Labels = [name: string, value: string][]
interface Side {
  name: string
  url: string
  pid: number
  headers: Record<string, string>
  stop(): Promise<void>
}

const labelBytes = (labels: Labels): Buffer[] =>
  labels.map(([name, value]) => message(1, bytes(1, name), bytes(2, value)))
const manyLabels = (i: number): Labels => [
  ['__name__', `bench_metric_${i % 100}`],
  ['instance', `host-${Math.floor(i / 1000)}:9100`],
  ['job', 'bench'],
  ['path', `/api/v1/items/${i % 1000}`],
]

/** Of `series` series from `first` on, `samples` samples each. */
function manyRequest(first: number, series: number, round: number, samples: number): Buffer {
  const start = NOW - 200 * ROUND_MS
  const all = Array.from({ length: series }, (_, k) =>
    message(
      1,
      ...labelBytes(manyLabels(first + k)),
      ...Array.from({ length: samples }, (_, s) =>
        message(2, double(1, (round + s) * ((first + k) % 50)), varint(2, BigInt(start + (round + s) * ROUND_MS))),
      ),
    ),
  )
  return compressSync(Buffer.concat(all)) as Buffer
}

/** A day of 1,000 series: 159 counters, 528 buckets, 313 gauges, as requests of 40 samples a series in order of time. */
function* dayRequests(): Generator<{ body: Buffer; samples: number }> {
  const series: { labels: Buffer[]; next(before: number): number; value: number }[] = []
  for (let i = 0; i < 159; i++) {
    const random = generator(i + 1)
    const labels: Labels = [
      ['__name__', 'http_requests_total'],
      ['instance', `host-${i % 20}`],
      ['job', `job-${i % 5}`],
      ['path', `/p${i}`],
    ]
    const next = (before: number): number => (random() < 0.0002 ? 0 : before + Math.floor(random() * 20))
    series.push({ labels: labelBytes(labels), next, value: 0 })
  }
  for (let i = 0; i < 48; i++)
    ['0.005', '0.01', '0.025', '0.05', '0.1', '0.25', '0.5', '1.0', '2.5', '5.0', '+Inf'].forEach((le, b) => {
      const random = generator(1000 + i)
      const labels: Labels = [
        ['__name__', 'http_duration_seconds_bucket'],
        ['instance', `host-${i % 12}`],
        ['le', le],
        ['path', `/p${i}`],
      ]
      series.push({ labels: labelBytes(labels), next: (v) => v + Math.floor(random() * 10) * (b + 1), value: 0 })
    })
  for (let i = 0; series.length < 1000; i++) {
    const random = generator(5000 + i)
    const labels: Labels = [
      ['__name__', 'memory_bytes'],
      ['instance', `host-${i}`],
    ]
    series.push({ labels: labelBytes(labels), next: (v) => Math.max(0, v + (random() - 0.5) * 1e6), value: 0 })
  }
  const PER = 40
  for (let time = NOW - DAY - 600_000; time < NOW; time += PER * ROUND_MS) {
    const all = series.map((one) =>
      message(
        1,
        ...one.labels,
        ...Array.from({ length: PER }, (_, k) => {
          one.value = one.next(one.value)
          return message(2, double(1, one.value), varint(2, BigInt(time + k * ROUND_MS)))
        }),
      ),
    )
    yield { body: compressSync(Buffer.concat(all)) as Buffer, samples: PER * series.length }
  }
}

/** User and system time of a process, in seconds. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function residentMiB(pid: number): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024)
}

async function post({ url, headers }: Side, body: Buffer): Promise<void> {
  const answer = await fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-protobuf', 'content-encoding': 'snappy' },
    body: new Uint8Array(body),
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
}

/** Samples a CPU second. */
async function intake(side: Side, bodies: Iterable<{ body: Buffer; samples: number }>): Promise<number> {
  let samples = 0
  const before = cpuOf(side.pid)
  for (const one of bodies) {
    await post(side, one.body)
    samples += one.samples
  }
  return samples / (cpuOf(side.pid) - before)
}

function* many(rounds: number[], samples: number, series: number) {
  for (const round of rounds)
    for (let first = 0; first < series; first += A_REQUEST)
      yield { body: manyRequest(first, A_REQUEST, round, samples), samples: A_REQUEST * samples }
}

/** ms, the fastest of some runs. */
async function timed(side: Side, path: string, runs = RUNS): Promise<number> {
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i < runs; i++) {
    const from = performance.now()
    const answer = await fetch(`${side.url}/api/v1/${path}`, { headers: side.headers })
    const text = await answer.text()
    if (!answer.ok || text.includes('"result":[]')) throw new Error(`${side.name}: ${path}: ${text.slice(0, 200)}`)
    best = Math.min(best, performance.now() - from)
  }
  return best
}

const QUERIES: [name: string, query: string][] = [
  ['rate[5m], 159 series', 'rate(http_requests_total[5m])'],
  ['sum by (job) of rate[5m]', 'sum by (job) (rate(http_requests_total[5m]))'],
  ['P99 over 528 buckets', 'histogram_quantile(0.99, sum by (le, instance) (rate(http_duration_seconds_bucket[5m])))'],
  ['max_over_time[1h], 313 series', 'max_over_time(memory_bytes[1h])'],
  ['sum of all 1,000', 'sum({instance=~".+"})'],
  ['topk(5)', 'topk(5, memory_bytes)'],
]

type Figures = Map<string, number>

async function measure(side: Side): Promise<Figures> {
  const figures: Figures = new Map()
  figures.set('24 h × 1,000 series, 40 samples a series', await intake(side, dayRequests()))
  for (const [name, query] of QUERIES) {
    const text = `query=${encodeURIComponent(query)}`
    const range = `start=${(NOW - DAY) / 1000}&end=${NOW / 1000}&step=60`
    figures.set(`ms ${name}, 24 h at 60 s`, await timed(side, `query_range?${text}&${range}`))
    figures.set(`ms ${name}, instant`, await timed(side, `query?${text}&time=${NOW / 1000}`, INSTANT_RUNS))
  }
  figures.set(`${MANY} new series, 1 sample`, await intake(side, many([0], 1, MANY)))
  figures.set('1 sample a series', await intake(side, many([1, 2, 3], 1, MANY)))
  figures.set('20 samples a series', await intake(side, many([4, 24], 20, Math.min(MANY, 20_000))))
  figures.set('MiB resident', residentMiB(side.pid))
  return figures
}

async function ours(): Promise<Side> {
  const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
  const served = serveProcess(dataDir)
  const { api, token } = await served.ready
  return {
    name: 'Glassbox',
    url: api,
    pid: served.child.pid as number,
    headers: { authorization: `Bearer ${token}` },
    async stop() {
      await served.end('SIGTERM')
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

async function theirs(): Promise<Side> {
  const { url, pid, stop } = await startPrometheus('global: {}\n')
  return { name: 'Prometheus', url, pid, headers: {}, stop }
}

async function measured(start: () => Promise<Side>): Promise<Figures> {
  const side = await start()
  try {
    return await measure(side)
  } finally {
    await side.stop()
  }
}

const own = await measured(ours)
const other = programOnPath('prometheus') ? await measured(theirs) : null
console.log(
  `${'samples a CPU second, unless ms or MiB'.padEnd(52)}${'Glassbox'.padStart(12)}${'Prometheus'.padStart(12)}   ratio`,
)
for (const [name, value] of own) {
  const shown = (one: number): string =>
    (one < 100 ? one.toFixed(1) : Math.round(one).toLocaleString('en')).padStart(12)
  const beside = other?.get(name)
  console.log(
    name.padEnd(52) +
      shown(value) +
      (beside === undefined ? '' : shown(beside) + (value / beside).toFixed(2).padStart(8)),
  )
}
