/**
 * A large file imported while the api is asked for its health: `node test/bench/import.ts [MB]`. Shows how long /healthz
 * took meanwhile beside an idle host, and how fast the file was taken.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomResourceSpans } from '../fixtures/random-spans.ts'
import { percentile, show, startServer } from './server.ts'

const wanted = Number(process.argv[2] ?? 200) * 1024 * 1024
const PER_LINE = 500
const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
const server = await startServer(dataDir)

async function health(until: () => boolean): Promise<number[]> {
  const list: number[] = []
  do {
    const began = performance.now()
    await server.get('/healthz')
    list.push(performance.now() - began)
    await new Promise((resolve) => setTimeout(resolve, 20))
  } while (!until())
  return list
}

let sent = 0
let spans = 0
const variants = Array.from({ length: 20 }, (_, i) => {
  const resourceSpans = randomResourceSpans(PER_LINE, 10, i + 1, Date.now() - 60_000)
  return Buffer.from(`${JSON.stringify({ resourceSpans })}\n`)
})
const body = new ReadableStream<Uint8Array>({
  pull(controller) {
    if (sent >= wanted) return controller.close()
    const line = variants[(spans / PER_LINE) % variants.length]
    sent += line.length
    spans += PER_LINE
    controller.enqueue(line)
  },
})

let asked = 0
const idle = await health(() => ++asked >= 50)
let done = false
const began = performance.now()
const importing = server.post('/api/import?name=big.jsonl', body).finally(() => {
  done = true
})
const busy = await health(() => done)
const answer = (await importing) as { spans: number }
const seconds = (performance.now() - began) / 1000
const times = (list: number[]): string =>
  `p50 ${percentile(list, 0.5).toFixed(1)}, p95 ${percentile(list, 0.95).toFixed(1)}, most ${Math.max(...list).toFixed(1)} ms`
show('file', `${Math.round(sent / 2 ** 20)} MiB`, `${spans} spans, ${answer.spans} taken in`)
show(
  'import',
  `${seconds.toFixed(1)} s`,
  `${(sent / 2 ** 20 / seconds).toFixed(1)} MiB/s, ${Math.round(spans / seconds)} spans/s`,
)
show('/healthz idle', `${percentile(idle, 0.99).toFixed(1)} ms`, `p99; ${times(idle)}`)
show('/healthz during the import', `${percentile(busy, 0.99).toFixed(1)} ms`, `p99 of ${busy.length}; ${times(busy)}`)
await server.stop()
rmSync(dataDir, { recursive: true, force: true })
