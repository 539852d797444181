/**
 * `node test/bench/system.ts [--rounds 5]`: draws 30 days of a host on the System screen in a real Chromium: every 5 s of
 * the last two days, 5-minute aggregates before. Measures from the choice of the range to the last chart, and how soon a
 * pan or zoom shows. Build the page first.
 */
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { startTestHost } from '../fixtures/running-host.ts'
import { SHOP, writeHistory } from '../fixtures/system-history.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, services: { type: 'string', default: '3' } },
})
const rounds = Number(values.rounds)
const DAY = 86_400_000
const show = (name: string, list: number[]): void => {
  const sorted = [...list].sort((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)]
  process.stdout.write(
    `${name.padEnd(52)} ${median.toFixed(0).padStart(6)} ms  ${list.map((ms) => ms.toFixed(0)).join(', ')}\n`,
  )
}

/** ms from pressing keys until `selector` matches and the frame after it begins. */
async function until(page: Page, keys: string[], what: 'data' | 'view'): Promise<number> {
  await page.waitForFunction(() => (window as unknown as { glassboxIdle?: () => boolean }).glassboxIdle?.())
  await page.evaluate((wanted) => {
    const state = window as unknown as { began: number; took: number }
    state.took = 0
    const stamp = (): string | undefined =>
      wanted === 'data'
        ? document.querySelector<HTMLElement>('.system')?.dataset['shown']
        : document.querySelector<HTMLElement>('.time-chart')?.dataset['drawn']
    const before = stamp()
    // The last key counts: those before it only lead to it.
    window.addEventListener('keydown', () => (state.began = performance.now()), { capture: true })
    const look = (): void => {
      const now = stamp()
      if (now !== undefined && now !== before)
        requestAnimationFrame(() => (state.took = performance.now() - state.began))
      else requestAnimationFrame(look)
    }
    requestAnimationFrame(look)
  }, what)
  for (const key of keys) await page.keyboard.press(key)
  await page.waitForFunction(() => (window as unknown as { took: number }).took > 0, null, { timeout: 60_000 })
  return page.evaluate(() => (window as unknown as { took: number }).took)
}

const now = Date.now()
const host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)), {
  prepare: async (dataDir) => {
    const began = performance.now()
    const wrote = await writeHistory(dataDir, {
      start: now - 30 * DAY,
      end: now - 5000,
      step: (time) => (time < now - 2 * DAY ? 300_000 : 5000),
      host: 'shop-1',
      services: SHOP.slice(0, Number(values.services)),
      trouble: { from: now - 5 * DAY, to: now - 4.9 * DAY },
      deployed: 'cart',
    })
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    process.stdout.write(`${wrote.samples} samples written in ${seconds} s\n`)
  },
})
let browser: Browser | null = null
try {
  for (const path of ['metrics', 'services']) {
    const took: number[] = []
    for (let i = 0; i < rounds; i++) {
      const began = performance.now()
      await host.get(`/api/system/${path}?start=${(now - 30 * DAY) * 1000}&end=${now * 1000}`)
      took.push(performance.now() - began)
    }
    show(`GET /api/system/${path}, 30 days`, took)
  }
  browser = await launchBrowser()
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
  await page.goto(`${host.api}/system?range=1h#token=${host.token}`)
  await page.getByRole('slider').first().waitFor()
  const opened: number[] = []
  for (let i = 0; i < rounds; i++) {
    // `t`, then the range typed: the last key is Enter.
    await page.keyboard.press('t')
    await page.getByRole('textbox', { name: 'Time range' }).fill('30d')
    opened.push(await until(page, ['Enter'], 'data'))
    await page.keyboard.press('t')
    await page.getByRole('textbox', { name: 'Time range' }).fill('1h')
    await until(page, ['Enter'], 'data')
  }
  show('30 days: from Enter to the last chart', opened)
  await page.keyboard.press('t')
  await page.getByRole('textbox', { name: 'Time range' }).fill('30d')
  await until(page, ['Enter'], 'data')
  const panned: number[] = []
  const zoomed: number[] = []
  for (let i = 0; i < rounds; i++) {
    panned.push(await until(page, ['['], 'view'))
    zoomed.push(await until(page, ['='], 'view'))
    await until(page, ['-'], 'view')
    await until(page, [']'], 'view')
  }
  show('pan shown ([)', panned)
  show('zoom shown (=)', zoomed)
} finally {
  await browser?.close()
  await host.stop()
}
