/**
 * `node test/bench/waterfall.ts [--spans 20000,100000]`: opens large traces in a real Chromium and measures from the
 * click in the list to a complete picture, and the frames while scrolling, zooming and walking. Build the page first.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Browser, Page } from 'playwright-core'
import { seededRandom } from '../demo/shop.ts'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { followLive, type RunningHost, startTestHost } from '../fixtures/running-host.ts'

const { values } = parseArgs({
  options: { spans: { type: 'string', default: '10000,20000,100000' }, rounds: { type: 'string', default: '3' } },
})
const sizes = values.spans.split(',').map(Number)
const rounds = Number(values.rounds)
const SERVICES = ['gateway', 'cart', 'checkout', 'payment', 'inventory', 'recommend']
const PER_BODY = 1000

const show = (name: string, value: string, note = ''): void =>
  void process.stdout.write(`${name.padEnd(46)} ${value.padStart(14)}  ${note}\n`)
const percentile = (list: readonly number[], share: number): number =>
  [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))] ?? Number.NaN

const idOf = (size: number): string => `be${size.toString(16).padStart(30, '0')}`

/** One trace of `size` spans, 10 attributes each, in a tree of random shape. */
async function sendTrace(host: RunningHost, size: number): Promise<void> {
  const random = seededRandom(size)
  const base = BigInt(Date.now() - 60_000) * 1_000_000n
  const made: { id: string; start: number; dur: number }[] = []
  const bodies = new Map<string, Record<string, unknown>[]>()
  const post = async (): Promise<void> => {
    const resourceSpans = [...bodies].map(([service, spans]) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeSpans: [{ scope: { name: 'bench', version: '1' }, spans }],
    }))
    bodies.clear()
    const answer = await fetch(`${host.otlp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' },
      body: gzipSync(encodeTraces(resourceSpans), { level: 1 }),
    })
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  }
  for (let i = 0; i < size; i++) {
    const above = i === 0 ? null : made[Math.floor(random() ** 2 * made.length)]
    const start = above ? above.start + random() * above.dur * 0.9 : 0
    const dur = above ? Math.max(10, Math.min(above.start + above.dur - start, above.dur * random() * 0.5)) : 30_000_000
    const id = (i + 1).toString(16).padStart(16, '0')
    made.push({ id, start, dur })
    const service = above ? SERVICES[Math.floor(random() * SERVICES.length)] : SERVICES[0]
    const spans = bodies.get(service) ?? []
    bodies.set(service, spans)
    spans.push({
      traceId: idOf(size),
      spanId: id,
      parentSpanId: above?.id ?? '',
      name: above ? `operation ${Math.floor(random() * 60)}` : `POST /bulk/${size}`,
      kind: 1 + Math.floor(random() * 3),
      startTimeUnixNano: (base + BigInt(Math.round(start * 1000))).toString(),
      endTimeUnixNano: (base + BigInt(Math.round((start + dur) * 1000))).toString(),
      status: random() < 0.002 ? { code: 2, message: 'boom' } : undefined,
      attributes: Array.from({ length: 10 }, (_, k) => ({
        key: `bench.attribute.${k}`,
        value: { stringValue: `value ${Math.floor(random() * 500)}` },
      })),
    })
    if ((i + 1) % PER_BODY === 0) await post()
  }
  if (bodies.size > 0) await post()
}

const HEAVY_ID = 'be'.padEnd(32, 'f')
const HEAVY = 'POST /heavy'

/** A trace of few spans: 10,000 attributes on one, an attribute of 1 MB on another, names of 2,000 characters. */
async function sendHeavy(host: RunningHost): Promise<void> {
  const base = BigInt(Date.now() - 30_000) * 1_000_000n
  const pair = (key: string, stringValue: string) => ({ key, value: { stringValue } })
  const spans = Array.from({ length: 200 }, (_, i) => ({
    traceId: HEAVY_ID,
    spanId: (i + 1).toString(16).padStart(16, '0'),
    parentSpanId: i === 0 ? '' : '1'.padStart(16, '0'),
    name: i === 0 ? HEAVY : `operation ${i} `.padEnd(2000, 'long name '),
    kind: 1,
    startTimeUnixNano: String(base + BigInt(i) * 1_000_000n),
    endTimeUnixNano: String(base + 500_000_000n),
    attributes:
      i === 0
        ? Array.from({ length: 10_000 }, (_, k) => pair(`bench.attribute.${k}`, `value ${k}`))
        : i === 1
          ? [pair('bench.large', 'x'.repeat(1 << 20))]
          : [],
  }))
  const resource = { attributes: [pair('service.name', 'heavy')] }
  const answer = await fetch(`${host.otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] }),
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
}

/** ms from the click on the trace in the list until its last canvas is painted. */
async function opening(page: Page, api: string, name: string): Promise<number> {
  await page.goto(`${api}/traces?range=1h`)
  const row = page.getByText(name, { exact: false }).first()
  await row.waitFor()
  await page.waitForFunction(() => (window as { glassboxIdle?: () => boolean }).glassboxIdle?.())
  await page.evaluate(() => {
    const state = window as unknown as { clicked: number; painted: number }
    state.painted = 0
    window.addEventListener(
      'click',
      () => {
        state.clicked = performance.now()
      },
      { capture: true, once: true },
    )
    const look = (): void => {
      // The frame in which rows exist has been painted once the next one begins.
      if (document.querySelector('.waterfall .line')) requestAnimationFrame(() => (state.painted = performance.now()))
      else requestAnimationFrame(look)
    }
    requestAnimationFrame(look)
  })
  await row.click()
  await page.waitForFunction(() => (window as unknown as { painted: number }).painted > 0, null, { timeout: 60_000 })
  return page.evaluate(() => {
    const { clicked, painted } = window as unknown as { clicked: number; painted: number }
    return painted - clicked
  })
}

/** ms between frames while `step` runs at each of `count` frames. */
async function frames(page: Page, count: number, step: (at: number) => void): Promise<number[]> {
  return page.evaluate(
    async ([total, source]) => {
      const run = new Function('at', `(${source})(at)`) as (at: number) => void
      const times: number[] = []
      let last = 0
      for (let at = 0; at < (total as number); at++) {
        run(at)
        const now = await new Promise<number>((resolve) => requestAnimationFrame(resolve))
        if (last > 0) times.push(now - last)
        last = now
      }
      return times
    },
    [count, step.toString()] as const,
  )
}

const host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)))
let browser: Browser | null = null
try {
  const live = await followLive(host)
  for (const size of sizes) {
    await sendTrace(host, size)
    await live.wait(
      (message) =>
        message.type === 'traces' &&
        message.data.items.some((item) => item.traceId === idOf(size) && item.spanCount === size),
    )
  }
  await sendHeavy(host)
  await live.wait(
    (message) => message.type === 'traces' && message.data.items.some((item) => item.traceId === HEAVY_ID),
  )
  live.close()
  browser = await launchBrowser()
  for (const size of sizes) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(`${host.api}/#token=${host.token}`)
    const opened: number[] = []
    for (let round = 0; round < rounds; round++) opened.push(await opening(page, host.api, `/bulk/${size}`))
    show(
      `${size} spans: click to complete picture`,
      `${Math.round(percentile(opened, 0.5))} ms`,
      opened.map(Math.round).join(', '),
    )
    const plain = await frames(page, 60, () => {})
    const scroll = await frames(page, 240, (at) => {
      const scroller = document.querySelector('.waterfall .scroller')
      if (scroller) scroller.scrollTop = at < 120 ? at * 60 : ((at - 120) / 120) * scroller.scrollHeight
    })
    const keys = await frames(page, 90, () => {
      window.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', code: 'KeyJ' }))
    })
    const zoom = await frames(page, 60, (at) => {
      window.dispatchEvent(new KeyboardEvent('keydown', { key: at % 2 ? 'w' : 'd', code: at % 2 ? 'KeyW' : 'KeyD' }))
    })
    for (const [name, list] of [
      ['idle', plain],
      ['scrolling', scroll],
      ['walking (j)', keys],
      ['zooming (w, d)', zoom],
    ] as const)
      show(
        `${size} spans: frame while ${name}, p95`,
        `${percentile(list, 0.95).toFixed(1)} ms`,
        `p50 ${percentile(list, 0.5).toFixed(1)}, worst ${Math.max(...list).toFixed(1)}`,
      )
    const session = await page.context().newCDPSession(page)
    await session.send('HeapProfiler.collectGarbage')
    const heap = await page.evaluate(
      () => (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize,
    )
    show(`${size} spans: heap of the page`, `${Math.round(heap / 1048576)} MiB`)
    await page.close()
  }
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(`${host.api}/#token=${host.token}`)
  show(
    '10,000 attributes, 1 MB values, long names: click to picture',
    `${Math.round(await opening(page, host.api, '/heavy'))} ms`,
  )
  const walked = await frames(page, 120, (at) => {
    const [key, code] = at % 20 < 10 ? ['j', 'KeyJ'] : ['k', 'KeyK']
    if (at % 5 === 0) window.dispatchEvent(new KeyboardEvent('keydown', { key, code }))
  })
  show(
    'the same: frame while walking over them, p95',
    `${percentile(walked, 0.95).toFixed(1)} ms`,
    `p50 ${percentile(walked, 0.5).toFixed(1)}, worst ${Math.max(...walked).toFixed(1)}`,
  )
  await page.close()
} finally {
  await browser?.close()
  await host.stop()
}
