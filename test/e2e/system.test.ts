import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ServiceHealth } from '../../core/model/answers.ts'
import { sendAll, traceIdOf } from '../fixtures/list-data.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'
import { SHOP, writeHistory } from '../fixtures/system-history.ts'

const MINUTE = 60_000
const PATIENT = { timeout: 20_000 }
/** Half an hour of a shop whose cart is deployed twelve minutes before its end and slow for six. */
const end = Date.now() - MINUTE
const start = end - 30 * MINUTE
const trouble = { from: end - 12 * MINUTE, to: end - 6 * MINUTE }
const SLOW = traceIdOf(1)
let host: RunningHost
let browser: Browser

beforeAll(async () => {
  host = await startTestHost(
    { 'collectors.host.enabled': true, 'collectors.host.intervalMs': 1000 },
    fileURLToPath(new URL('../../out/renderer', import.meta.url)),
    {
      prepare: (dataDir) =>
        writeHistory(dataDir, {
          start: start - 30 * MINUTE,
          end,
          step: () => 15_000,
          host: 'shop-1',
          services: SHOP,
          trouble,
          deployed: 'cart',
          exemplars: [{ service: 'checkout', time: trouble.from + 3 * MINUTE, seconds: 9, traceId: SLOW }],
        }),
    },
  )
  const now = Date.now()
  // Slow checkouts through the whole trouble, so that every point of it has traces behind it.
  const spans = Array.from({ length: 24 }, (_, i) => ({
    trace: i + 1,
    span: i + 1,
    service: 'checkout',
    name: 'POST /checkout',
    ago: now - trouble.from - i * 15_000,
    ms: 9000,
    failed: i % 4 === 0,
  }))
  await sendAll(host, spans, [])
  browser = await launchBrowser()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

async function opened(
  query = '',
  colorScheme: 'light' | 'dark' = 'light',
): Promise<{ page: Page; problems: string[] }> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme, locale: 'en-US' })
  const page = await context.newPage()
  const problems: string[] = []
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(`${host.api}/system?start=${start * 1000}&end=${end * 1000}${query}#token=${host.token}`)
  await chart(page, 'Latency').waitFor()
  await idle(page)
  return { page, problems }
}
const idle = (page: Page) =>
  page.waitForFunction(() => (window as unknown as { glassboxIdle?: () => boolean }).glassboxIdle?.())
const chart = (page: Page, title: string): Locator => page.getByRole('slider', { name: new RegExp(`^${title}`) })
const params = (page: Page): Record<string, string> => Object.fromEntries(new URL(page.url()).searchParams)

/** Moves the pointer over a chart, to a share of its width and height. */
async function pointAt(page: Page, title: string, across: number, down = 0.5): Promise<{ x: number; y: number }> {
  const box = await chart(page, title).boundingBox()
  if (!box) throw new Error(`${title} is not shown`)
  const at = { x: box.x + box.width * across, y: box.y + box.height * down }
  await page.mouse.move(at.x, at.y)
  return at
}
/** About the middle of the trouble. */
const TROUBLE = 0.7

it('leads from a point of a latency line to the very traces, into one, and back', { timeout: 120_000 }, async () => {
  const { page, problems } = await opened()
  await page.getByRole('region', { name: 'Health' }).getByText('checkout P99').click()
  await page.waitForURL(/service=checkout/)
  await chart(page, 'Latency of checkout').waitFor()
  await idle(page)

  await pointAt(page, 'Latency of checkout', TROUBLE)
  // One crosshair for all charts of the screen.
  await page.locator('.time-chart .cross').nth(8).waitFor({ state: 'attached' })
  const tip = page.locator('.chart-tip')
  await tip.getByText(/Enter: \d+ traces? ≥/).waitFor()
  const offered = Number(/Enter: (\d+)/.exec((await tip.textContent()) ?? '')?.[1])
  expect(offered).toBeGreaterThan(0)

  const before = params(page)
  await page.mouse.down()
  await page.mouse.up()
  await page.waitForURL(/\/traces\?/)
  const asked = params(page)
  expect(Number(asked.end) - Number(asked.start)).toBe(120e6)
  expect(asked.service).toBe('checkout')
  expect(asked.minDuration).toMatch(/^\d+ms$/)
  expect(asked.status).toBeUndefined()
  const rows = page.getByText('POST /checkout')
  await rows.first().waitFor()
  await idle(page)
  const found = await host.get<{ items: unknown[] }>(`/api/traces?${new URLSearchParams(asked)}`)
  expect(found.items).toHaveLength(offered)

  await rows.first().click()
  await page.waitForURL(/\/traces\/[0-9a-f]{32}/)
  await page.goBack()
  await page.waitForURL(/\/traces\?/)
  await page.goBack()
  await page.waitForURL(/\/system\?/)
  await chart(page, 'Latency of checkout').waitFor()
  await idle(page)
  const { at, ...place } = params(page)
  expect(place).toEqual(before)
  expect(Number(at)).toBe(Number(asked.start) + 60e6)
  expect(await page.locator('.time-chart .cross').count()).toBeGreaterThan(8)
  expect(problems).toEqual([])
  await page.context().close()
})

it('opens failed traces from the error line, slow ones from a host’s, one trace from its dot', {
  timeout: 60_000,
}, async () => {
  const { page, problems } = await opened('&service=checkout')
  await pointAt(page, 'Errors of checkout', TROUBLE)
  await page.mouse.down()
  await page.mouse.up()
  await page.waitForURL(/\/traces\?/)
  expect(params(page)).toMatchObject({ status: 'error', minDuration: '1s', service: 'checkout' })
  await page.goBack()
  await chart(page, 'CPU').waitFor()
  await idle(page)

  await pointAt(page, 'CPU', TROUBLE)
  await page.mouse.down()
  await page.mouse.up()
  await page.waitForURL(/\/traces\?/)
  expect(params(page)).toMatchObject({ minDuration: '1s' })
  expect(params(page).service).toBeUndefined()
  expect(params(page).status).toBeUndefined()
  await page.goBack()
  await chart(page, 'Latency of checkout').waitFor()
  await idle(page)

  // Where a point has no such traces it says so, and leads to the nearest.
  await pointAt(page, 'Latency of checkout', 0.2, 0.2)
  await page
    .locator('.chart-tip')
    .getByText(/No trace ≥/)
    .waitFor()
  await page
    .locator('.chart-tip')
    .getByText(/Enter: nearest, \d\d:\d\d/)
    .waitFor()
  await page.mouse.down()
  await page.mouse.up()
  await page.waitForURL(/\/traces\?/)
  expect(Number(params(page).start) / 1000).toBeGreaterThan(trouble.from - 2 * MINUTE)
  await page.getByText('POST /checkout').first().waitFor()
  await page.goBack()
  await chart(page, 'Latency of checkout').waitFor()
  await idle(page)

  // The keyboard reaches all of it: a point, its line, its dot.
  await chart(page, 'Latency of checkout').focus()
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('ArrowLeft')
  await expect.poll(() => chart(page, 'Latency of checkout').getAttribute('aria-valuetext'), PATIENT).toMatch(/P99 .*s/)
  await page.keyboard.press('e')
  await page.waitForURL(new RegExp(`/traces/${SLOW}`))
  await page.goBack()
  await page.waitForURL(/\/system\?/)
  expect(problems).toEqual([])
  await page.context().close()
})

it('zooms by drag and by keys, and back', { timeout: 120_000 }, async () => {
  const { page, problems } = await opened()
  const from = await pointAt(page, 'Latency', 0.4)
  await page.mouse.down()
  await page.mouse.move(from.x + 200, from.y, { steps: 4 })
  await page.mouse.up()
  await expect.poll(() => Number(params(page).start), PATIENT).toBeGreaterThan(start * 1000)
  const zoomed = params(page)
  expect(Number(zoomed.end)).toBeLessThan(end * 1000)
  await idle(page)
  await page.waitForSelector(`.time-chart[data-drawn="${zoomed.start}-${zoomed.end}"]`)
  await chart(page, 'Latency').focus()
  await page.keyboard.press('0')
  await expect.poll(() => Number(params(page).start), PATIENT).toBe(start * 1000)
  await idle(page)

  await chart(page, 'CPU').focus()
  for (const key of ['PageUp', 'PageUp', 'Shift+PageUp', 'Enter']) await page.keyboard.press(key)
  await expect.poll(() => Number(params(page).end), PATIENT).toBeLessThan(end * 1000)
  await idle(page)
  await chart(page, 'CPU').dblclick()
  await expect.poll(() => Number(params(page).end), PATIENT).toBe(end * 1000)
  expect(problems).toEqual([])
  await page.context().close()
})

it('compares with the period before, shows one host, and keeps both in the address', { timeout: 120_000 }, async () => {
  const { page, problems } = await opened()
  await page.keyboard.press('b')
  await page.waitForURL(/compare=prev/)
  await idle(page)
  const hosts = page.getByRole('region', { name: 'Hosts' })
  await hosts.getByRole('button', { name: 'shop-1' }).click()
  await page.waitForURL(/host=shop-1/)
  await idle(page)
  expect(await hosts.getByRole('row').count()).toBe(3)
  await hosts.getByText('offline').waitFor()
  await page.reload()
  await chart(page, 'Network').waitFor()
  await idle(page)
  await pointAt(page, 'Network', 0.5)
  const tip = page.locator('.chart-tip')
  await tip.getByText('receive').waitFor()
  await tip.getByText('transmit').waitFor()
  expect(params(page)).toMatchObject({ compare: 'prev', host: 'shop-1' })
  expect(problems).toEqual([])
  await page.context().close()
})

it.each(['light', 'dark'] as const)(
  'is accessible as charts and as tables (%s)',
  { timeout: 120_000 },
  async (theme) => {
    const { page, problems } = await opened('', theme)
    const violations = async (): Promise<unknown> =>
      (await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze()).violations.map(
        ({ id, nodes }) => [id, nodes.map(({ html }) => html.slice(0, 200))],
      )
    expect(await violations()).toEqual([])
    await page.keyboard.press('Shift+T')
    await page.waitForURL(/view=table/)
    const latency = page.getByRole('table', { name: 'Latency of all services' })
    await latency.waitFor()
    const heads = await latency.getByRole('columnheader').allTextContents()
    expect(heads.slice(1)).toEqual(['P50', 'P95', 'P99'])
    expect(await latency.getByRole('row').count()).toBeGreaterThan(20)
    expect(await violations()).toEqual([])
    expect(problems).toEqual([])
    await page.context().close()
  },
)

it('tells services apart by how far they are from what is usual', async () => {
  const health = await host.get<ServiceHealth>(`/api/system/services?start=${start * 1000}&end=${end * 1000}`)
  expect(
    health.services
      .map(({ service }) => service)
      .slice(0, 3)
      .sort(),
  ).toEqual(['cart', 'checkout', 'gateway'])
  const agent = health.services.find(({ service }) => service === 'agent')
  const cart = health.services.find(({ service }) => service === 'cart')
  if (!agent || !cart) throw new Error('services are missing')
  // The one that is always slow is far behind the one that changed.
  expect(agent.p99).toBeGreaterThan(1e6)
  expect(agent.change).toBeLessThan(1.5)
  expect(cart.change).toBeGreaterThan(2)
  expect(health.marks).toMatchObject([{ kind: 'deploy', service: 'cart', version: '2.14.0' }])
  const mark = health.marks[0].time / 1000
  expect(Math.abs(mark - trouble.from)).toBeLessThanOrEqual(15_000)
  expect(health.exemplars).toMatchObject([{ traceId: SLOW, value: 9e6, service: 'checkout' }])
})

it('draws lines of the time in which requests were counted, however long the range is', async () => {
  const { lines, services } = await host.get<ServiceHealth>(
    `/api/system/services?start=${(end - 30 * 24 * 60 * MINUTE) * 1000}&end=${end * 1000}`,
  )
  expect(lines.p99.length).toBeGreaterThan(10)
  expect(lines.rate.length).toBeGreaterThan(10)
  expect(services.find(({ service }) => service === 'cart')?.trend.length).toBeGreaterThan(10)
})

it('tells requests a second of the time in which they were counted, however long the range is', async () => {
  const rate = async (from: number): Promise<number | undefined> =>
    (await host.get<ServiceHealth>(`/api/system/services?start=${from * 1000}&end=${end * 1000}`)).services.find(
      ({ service }) => service === 'gateway',
    )?.rate
  const known = await rate(start)
  expect(known).toBeGreaterThan(4)
  // Counting began half an hour before `start`: eleven of these twelve hours know nothing.
  const long = await rate(end - 12 * 60 * MINUTE)
  expect((long ?? 0) / (known ?? 1)).toBeGreaterThan(0.8)
  expect((long ?? 0) / (known ?? 1)).toBeLessThan(1.25)
})
