/**
 * `node test/bench/lists.ts [--rows 1000000] [--keep DIR]`: scrolls the lists of so many traces and log lines in a real
 * Chromium: by the wheel, by the scroll bar from end to end and by jumps. Prints for how long rows were missing at the
 * most (blank), for how long the same rows stood there at the most that were not those of the scroll bar's place (late),
 * frames and memory. Build the page first.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { storeLists } from './list-corpus.ts'
import { percentile, rssMiB, show, startServer } from './server.ts'

const { values } = parseArgs({ options: { rows: { type: 'string', default: '1000000' }, keep: { type: 'string' } } })
const rows = Number(values.rows)
const HOURS = 6

interface Watched {
  frames: number[]
  blankMs: number
  lateMs: number
}

/** Looks at the list at every frame until `unwatch`. */
async function watch(page: Page): Promise<void> {
  await page.evaluate(() => {
    const scroller = document.querySelector('.scroller') as HTMLElement
    const grid = scroller.querySelector('table') as HTMLElement
    const count = Number(grid.getAttribute('aria-rowcount')) - 1
    const seen = { frames: [] as number[], blankMs: 0, lateMs: 0, over: false }
    let [last, blankFrom, lateFrom, firstBefore] = [0, 0, 0, -1]
    const look = (now: number): void => {
      if (last > 0) seen.frames.push(now - last)
      last = now
      const stage = (scroller.querySelector('tbody') as HTMLElement).getBoundingClientRect()
      const items = [...scroller.querySelectorAll<HTMLElement>('tbody tr.item')].filter((item) => {
        const box = item.getBoundingClientRect()
        return box.bottom > stage.top + 1 && box.top < stage.bottom - 1
      })
      const height = items[0]?.offsetHeight ?? 20
      const content = grid.offsetHeight - 28
      const room = Math.min(stage.height, content)
      const top =
        Math.min(scroller.scrollTop, content - room) *
        Math.max(1, (count * height - room) / Math.max(1, content - room))
      const first = Math.min(...items.map((item) => Number(item.getAttribute('aria-rowindex')) - 2))
      const isBlank = items.length < Math.floor(room / height) || items.some((item) => item.textContent === '')
      const isLate = Math.abs(first - top / height) > 1.5
      blankFrom = isBlank ? blankFrom || now : 0
      // Rows that follow the scroll bar at some distance are not late while they follow.
      lateFrom = !isLate ? 0 : first === firstBefore && lateFrom > 0 ? lateFrom : now
      firstBefore = first
      if (isBlank) seen.blankMs = Math.max(seen.blankMs, now - blankFrom)
      if (isLate) seen.lateMs = Math.max(seen.lateMs, now - lateFrom)
      if (!seen.over) requestAnimationFrame(look)
    }
    ;(window as unknown as { seen: typeof seen }).seen = seen
    requestAnimationFrame(look)
  })
}

/** What was seen, once everything has come to rest. */
async function unwatch(page: Page, name: string): Promise<void> {
  await page.waitForFunction(() => (window as { glassboxIdle?: () => boolean }).glassboxIdle?.())
  const { frames, blankMs, lateMs } = await page.evaluate(() => {
    const { seen } = window as unknown as { seen: Watched & { over: boolean } }
    seen.over = true
    return seen
  })
  show(
    name,
    `${Math.round(blankMs)} ms blank`,
    `${Math.round(lateMs)} ms late; frames p95 ${percentile(frames, 0.95).toFixed(1)}, worst ${Math.max(...frames).toFixed(1)} ms`,
  )
}

/** Moves the scroll bar from one share of its way to another over so many frames. */
async function drag(page: Page, from: number, to: number, frames: number): Promise<void> {
  await page.evaluate(
    async ([begin, end, steps]) => {
      const scroller = document.querySelector('.scroller') as HTMLElement
      for (let step = 0; step <= steps; step++) {
        scroller.scrollTop = (begin + ((end - begin) * step) / steps) * (scroller.scrollHeight - scroller.clientHeight)
        await new Promise((resolve) => requestAnimationFrame(resolve))
      }
    },
    [from, to, frames] as const,
  )
}

async function benchList(page: Page, name: string): Promise<void> {
  const scroller = page.locator('.scroller').first()
  const box = await scroller.boundingBox()
  if (!box) throw new Error('no list')
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2)
  await watch(page)
  for (let turn = 0; turn < 200; turn++) await page.mouse.wheel(0, 400)
  await unwatch(page, `${name}: 200 turns of the wheel, 400 px each`)
  for (const seconds of [10, 3]) {
    await watch(page)
    await drag(page, 0, 1, seconds * 60)
    await unwatch(page, `${name}: scroll bar from end to end in ${seconds} s`)
    await watch(page)
    await drag(page, 1, 0, seconds * 60)
    await unwatch(page, `${name}: and back in ${seconds} s`)
  }
  for (const place of [1, 0.5, 0.77, 0.1, 0]) {
    await watch(page)
    await drag(page, place, place, 1)
    await unwatch(page, `${name}: jump to ${place * 100} %`)
  }
  const session = await page.context().newCDPSession(page)
  await session.send('HeapProfiler.collectGarbage')
  const heap = await session.send('Runtime.getHeapUsage')
  show(`${name}: heap of the page`, `${Math.round(heap.usedSize / 1048576)} MiB`)
}

const dataDir = values.keep ?? mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
mkdirSync(dataDir, { recursive: true })
const made = join(dataDir, 'lists.json')
if (!existsSync(made)) {
  const nowUs = Date.now() * 1000
  storeLists(dataDir, rows, HOURS, nowUs)
  writeFileSync(made, JSON.stringify({ nowUs }))
}
const { nowUs } = JSON.parse(readFileSync(made, 'utf8')) as { nowUs: number }
const server = await startServer(dataDir)
let browser: Browser | null = null
try {
  // A corpus that is kept must not grow old and be removed.
  await server.change({ 'retention.traces.days': 365, 'retention.logs.days': 365 })
  browser = await launchBrowser()
  const range = `start=${nowUs - HOURS * 3600e6}&end=${nowUs + 1}`
  for (const [path, name] of [
    ['traces', `${rows} traces`],
    ['logs', `${rows} log lines`],
  ]) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(`${server.api}/${path}?${range}#token=${server.token}`)
    await page.locator('tbody tr.item').first().waitFor()
    await page.waitForFunction(() => (window as { glassboxIdle?: () => boolean }).glassboxIdle?.())
    await benchList(page, name)
    await page.close()
  }
  show('memory of the server', `${Math.round(rssMiB(server.pid))} MiB`)
} finally {
  await browser?.close()
  await server.stop()
  if (!values.keep) rmSync(dataDir, { recursive: true, force: true })
}
