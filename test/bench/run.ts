/** `npm run bench -- [--spans N]`: ingest, size, search and start of a real server, as ratios to a raw limit of the same run. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync, gzipSync } from 'node:zlib'
import { decodeTracesProtobuf } from '../../core/formats/otlp/decode-protobuf.ts'
import { encodeSpanBlocks } from '../../core/storage/sqlite/span-block.ts'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../fixtures/random-spans.ts'

const { values } = parseArgs({ options: { spans: { type: 'string', default: '500000' } } })
const total = Number(values.spans)
const PER_BODY = 1000
const CLIENTS = 4
const root = new URL('../..', import.meta.url).pathname

/** Bodies whose ids differ from send to send: 16 made, and each send stamps fresh trace ids is too slow, so seeds differ. */
const bodies = Array.from({ length: 64 }, (_, seed) =>
  gzipSync(encodeTraces(randomResourceSpans(PER_BODY, 10, seed, Date.now() - 60_000)), { level: 1 }),
)

function rawLimit(): number {
  const begun = performance.now()
  let spans = 0
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i + 8 <= bodies.length; i += 8) {
      const batches = bodies
        .slice(i, i + 8)
        .map((body) => decodeTracesProtobuf(gunzipSync(body), Date.now() * 1000).batch)
      encodeSpanBlocks(batches.map((batch, at) => ({ batch, seq: at })))
      spans += 8 * PER_BODY
    }
  }
  return (spans / (performance.now() - begun)) * 1000
}

function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

function percentile(list: number[], share: number): number {
  return list.sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))]
}

const show = (name: string, value: string, note = ''): void =>
  void process.stdout.write(`${name.padEnd(46)} ${value.padStart(14)}  ${note}\n`)

rawLimit()
const limits = [rawLimit(), rawLimit(), rawLimit()]
const limit = percentile([...limits], 0.5)
show(
  'raw limit: inflate + decode + blocks',
  `${Math.round(limit)}/s`,
  `noise ${Math.round((Math.max(...limits) / Math.min(...limits) - 1) * 100)} %`,
)

const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
const begun = performance.now()
const server = spawn(
  process.execPath,
  [
    'build/serve.mjs',
    '--data-dir',
    dataDir,
    '--api-port',
    '0',
    '--otlp-port',
    '0',
    '--otlp-grpc-port',
    '0',
    '--no-open',
    '--log-level',
    'error',
  ],
  { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
)
const pid = server.pid as number
const ready = await new Promise<{ api: string; otlp: string; token: string }>((resolve) => {
  let text = ''
  server.stdout.on('data', (chunk) => {
    text += chunk
    const line = text.split('\n').find((candidate) => candidate.startsWith('ready '))
    if (line) resolve(JSON.parse(line.slice(6)))
  })
})
show('process start to ready', `${Math.round(performance.now() - begun)} ms`, 'goal < 1000')
show('memory when idle', `${Math.round(rssMiB(pid))} MiB`, 'goal <= 150')

const get = async <T>(path: string): Promise<T> => {
  const response = await fetch(ready.api + path, { headers: { authorization: `Bearer ${ready.token}` } })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return (await response.json()) as T
}
interface Books {
  traces: { received: number; stored: number; waiting: number; dropped: Record<string, number> }
}

let sent = 0
let next = 0
let peak = 0
const cpuBefore = cpuSeconds(pid)
const ingestBegun = performance.now()
async function client(): Promise<void> {
  while (sent < total) {
    sent += PER_BODY
    const body = restamp(bodies[next++ % bodies.length], next)
    const answer = await fetch(`${ready.otlp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
      body,
    })
    if (answer.status !== 200) throw new Error(`the server answered ${answer.status}`)
    await answer.arrayBuffer()
    peak = Math.max(peak, rssMiB(pid))
  }
}

/** Fresh ids for a body sent again, so that it is not a duplicate; made once a round, outside the timed part on round one. */
function restamp(body: Buffer, round: number): Buffer<ArrayBuffer> {
  if (round <= bodies.length) return Buffer.from(body)
  return stamped[(round - 1) % stamped.length]
}
const stamped: Buffer<ArrayBuffer>[] = []
for (let i = bodies.length; i < Math.ceil(total / PER_BODY); i++) {
  stamped[i] = gzipSync(encodeTraces(randomResourceSpans(PER_BODY, 10, i, Date.now() - 60_000)), { level: 1 })
}
const realBegin = performance.now()
const cpuBegin = cpuSeconds(pid)
await Promise.all(Array.from({ length: CLIENTS }, client))
let books = await get<Books>('/api/pipeline')
while (books.traces.waiting > 0) books = await get<Books>('/api/pipeline')
const seconds = (performance.now() - realBegin) / 1000
const cpu = cpuSeconds(pid) - cpuBegin
void cpuBefore
void ingestBegun
const perCpu = books.traces.stored / cpu
show(
  'ingest end to end',
  `${Math.round(books.traces.stored / seconds)}/s`,
  `goal >= 100000; dropped ${JSON.stringify(books.traces.dropped)}`,
)
show(
  'ingest per CPU second of the server',
  `${Math.round(perCpu)}/s`,
  `ratio to raw limit ${(perCpu / limit).toFixed(2)}, goal >= 0.5`,
)
show('memory at full load', `${Math.round(peak)} MiB`, 'goal <= 500')

async function time(name: string, goal: string, paths: string[]): Promise<void> {
  const list: number[] = []
  for (const path of paths) {
    const start = performance.now()
    await get(path)
    list.push(performance.now() - start)
  }
  show(
    name,
    `${Math.round(percentile(list, 0.95))} ms`,
    `p95 of ${paths.length}, p50 ${Math.round(percentile(list, 0.5))} ms, goal ${goal}`,
  )
}
const range = `start=${(Date.now() - 86_400_000) * 1000}&end=${(Date.now() + 60_000) * 1000}`
const repeat = (make: (i: number) => string): string[] => Array.from({ length: 20 }, (_, i) => make(i))
await time(
  'search: service + duration + attribute',
  '< 250',
  repeat(
    (i) =>
      `/api/traces?${range}&service=cart&minDuration=500ms&limit=50&q=${encodeURIComponent(`user.id="u_${i * 7}"`)}`,
  ),
)
await time(
  'search that finds nothing',
  '< 1500',
  repeat((i) => `/api/traces?${range}&service=cart&q=${encodeURIComponent(`user.id="nobody-${i}"`)}`),
)
await time(
  'histogram of 24 h',
  '< 250',
  repeat(() => `/api/traces/histogram?${range}&buckets=120`),
)
const { items } = await get<{ items: { traceId: string }[] }>(`/api/traces?${range}&limit=20`)
await time(
  'trace by id',
  '< 30',
  items.map(({ traceId }) => `/api/traces/${traceId}`),
)
const { storage } = await get<{ storage: { traces: { bytes: number }; spans: number } }>('/api/status')
show('disk, blocks only', `${(storage.traces.bytes / storage.spans).toFixed(1)} B/span`, 'goal <= 60')

server.kill('SIGTERM')
await new Promise((resolve) => server.once('close', resolve))
rmSync(dataDir, { recursive: true, force: true })
