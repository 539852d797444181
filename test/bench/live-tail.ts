/**
 * `node test/bench/live-tail.ts [--rate 5000] [--seconds 20]`: spans and log lines arrive at a rate while the live tail of
 * Traces and then of Logs is on in a real Chromium. Prints how long a key waits until it is handled and until the frame
 * after it begins. Build the page first.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { encodeLogs, encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { randomResourceSpans } from '../fixtures/random-spans.ts'
import { type BenchServer, percentile, show, startServer } from './server.ts'

const { values } = parseArgs({
  options: { rate: { type: 'string', default: '5000' }, seconds: { type: 'string', default: '20' } },
})
const rate = Number(values.rate)
const seconds = Number(values.seconds)
const PER_BODY = 500
/** They select nothing: the list goes on moving. */
const KEYS = ['Escape', 'Shift']

/** Sends on until `stop`: each body a `PER_BODY`th of the rate, with ids and times of its own. */
function sendOn(server: BenchServer, path: string, make: (seed: number) => Uint8Array): { stop(): Promise<number> } {
  const begun = performance.now()
  let sent = 0
  let over = false
  const done = (async () => {
    for (let seed = 1; !over; seed++) {
      const body = gzipSync(make(seed), { level: 1 })
      const answer = await fetch(server.otlp + path, {
        method: 'POST',
        headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
        body,
      })
      if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
      sent += PER_BODY
      const due = begun + (sent / rate) * 1000
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
    }
  })()
  return {
    async stop() {
      over = true
      await done
      return (sent / (performance.now() - begun)) * 1000
    },
  }
}

const spans = (seed: number): Uint8Array => encodeTraces(randomResourceSpans(PER_BODY, 10, seed, Date.now() - 100))
const lines = (seed: number): Uint8Array =>
  encodeLogs([
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
      scopeLogs: [
        {
          logRecords: Array.from({ length: PER_BODY }, (_, i) => ({
            timeUnixNano: String(BigInt(Date.now()) * 1_000_000n + BigInt(i)),
            severityNumber: i % 50 === 0 ? 17 : 9,
            body: { stringValue: `request ${seed}.${i} took ${i % 97} ms` },
          })),
        },
      ],
    },
  ])

/** Presses keys for a while as a person does; each entry is ms from the press to its handler and to the next frame. */
async function press(page: Page): Promise<{ handled: number[]; shown: number[] }> {
  await page.evaluate(() => {
    const seen = { handled: [] as number[], shown: [] as number[] }
    ;(window as unknown as { seen: typeof seen }).seen = seen
    window.addEventListener(
      'keydown',
      (event) => {
        // The time stamp is that of the browser process, when the key came in.
        seen.handled.push(performance.now() - event.timeStamp)
        requestAnimationFrame(() => seen.shown.push(performance.now() - event.timeStamp))
      },
      { capture: true },
    )
  })
  const until = performance.now() + seconds * 1000
  for (let i = 0; performance.now() < until; i++) {
    await page.keyboard.press(KEYS[i % KEYS.length])
    await new Promise((resolve) => setTimeout(resolve, 70 + (i % 7) * 10))
  }
  return page.evaluate(() => (window as unknown as { seen: { handled: number[]; shown: number[] } }).seen)
}

async function benchTail(browser: Browser, server: BenchServer, path: string): Promise<void> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(`${server.api}/${path}?range=15m&live=1#token=${server.token}`)
  await page.locator('tbody tr.item').first().waitFor()
  const before = await page.locator('tbody tr.item').first().textContent()
  await page.waitForFunction(
    (text) => (document.querySelector('tbody tr.item') as HTMLElement | null)?.textContent !== text,
    before,
  )
  const { handled, shown } = await press(page)
  for (const [name, list] of [
    ['key handled', handled],
    ['next frame', shown],
  ] as const)
    show(
      `${path}, live at ${rate}/s: ${name}, p95`,
      `${Math.round(percentile(list, 0.95))} ms`,
      `of ${list.length}; p50 ${Math.round(percentile(list, 0.5))}, worst ${Math.round(Math.max(...list))} ms; goal < 100 ms`,
    )
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const heap = await session.send('Runtime.getHeapUsage')
  show(`${path}: heap of the page`, `${Math.round(heap.usedSize / 1048576)} MiB`)
  await page.close()
}

const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
const server = await startServer(dataDir)
let browser: Browser | null = null
try {
  browser = await launchBrowser()
  for (const [path, otlp, make] of [
    ['traces', '/v1/traces', spans],
    ['logs', '/v1/logs', lines],
  ] as const) {
    const sender = sendOn(server, otlp, make)
    await benchTail(browser, server, path)
    show(`${path}: sent`, `${Math.round(await sender.stop())}/s`)
  }
} finally {
  await browser?.close()
  await server.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
