import { readFileSync } from 'node:fs'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { type ListSpan, sendAll, traceIdOf } from '../fixtures/list-data.ts'
import {
  pageIdle as idle,
  launchBrowser,
  openPage,
  type PageOptions,
  pageQuery as query,
} from '../fixtures/page-browser.ts'
import type { RunningHost } from '../fixtures/running-host.ts'

let host: RunningHost
let browser: Browser

beforeAll(async () => {
  host = await startJourneyHost()
  browser = await launchBrowser()
  const spans: ListSpan[] = []
  for (let i = 1; i <= 60; i++) {
    const route = i % 3 === 0 ? '/checkout' : i % 3 === 1 ? '/cart' : '/healthz'
    const failed = route === '/checkout' && i % 2 === 0
    const attributes = {
      'http.request.method': 'GET',
      'http.route': route,
      'http.response.status_code': failed ? 500 : 200,
      // What only slow requests have in common.
      'db.pool': i > 40 ? 'pool-2' : 'pool-1',
    }
    spans.push({
      trace: i,
      span: i * 10,
      service: 'gateway',
      name: `GET ${route}`,
      ago: 120_000 + i * 500,
      ms: i * 5,
      failed,
      attributes,
    })
    if (route !== '/healthz')
      spans.push({
        trace: i,
        span: i * 10 + 1,
        parent: i * 10,
        service: 'cart',
        name: 'SELECT cart',
        kind: 3,
        ago: 120_000 + i * 500,
        ms: i * 3,
      })
  }
  await sendAll(host, spans, [])
})
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

async function open(path: string, options: PageOptions = {}): Promise<Page> {
  const page = await openPage(browser, host, path, { ...options, timezoneId: 'Asia/Shanghai' })
  await page.locator('.screen-traces tbody tr').first().waitFor()
  await idle(page)
  return page
}

it('finds the errors with the slash and three letters, and opens the newest with two keys', async () => {
  const page = await open('/traces?range=1h')
  await page.getByText('60 traces', { exact: true }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('err')
  await page.getByRole('option', { name: 'status=error' }).waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL(/status=error/)
  await page.getByText('10 traces', { exact: true }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/traces/${traceIdOf(6)}**`)
  await page.goBack()
  await page.getByText('10 traces', { exact: true }).waitFor()
  await page.context().close()
}, 60_000)

it('offers values with their counts in what is shown, greys what would find nothing', async () => {
  const page = await open('/traces?range=1h&status=error')
  await page.keyboard.press('/')
  await page.keyboard.type('http.route=')
  const options = page.getByRole('option')
  await options.filter({ hasText: '/checkout' }).filter({ hasText: '10' }).waitFor()
  await page.locator('.cm-tooltip-autocomplete .nothing', { hasText: '/cart' }).waitFor()
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+z')
  await page.context().close()
}, 60_000)

it('hides health checks by a chip, filters by a cell’s menu and by a facet', async () => {
  const page = await open('/traces?range=1h')
  await page.getByRole('button', { name: /hide health checks/ }).click()
  await page.waitForURL((url) => url.searchParams.get('q') === '-http.route=/healthz')
  await page.getByText('40 traces', { exact: true }).waitFor()
  await page.getByRole('gridcell').filter({ hasText: '/checkout' }).first().click({ button: 'right' })
  await page.getByRole('menuitem', { name: /Filter for/ }).click()
  await page.getByText('20 traces', { exact: true }).waitFor()
  await page.goBack()
  await page.goBack()
  await page.getByText('60 traces', { exact: true }).waitFor()
  await page.keyboard.press('s')
  await page.locator('.facets .pick', { hasText: '/cart' }).first().click()
  await page.waitForURL((url) => (url.searchParams.get('q') ?? '').includes('/cart'))
  await page.context().close()
}, 60_000)

it('narrows to a rectangle of the heat map, in time and duration', async () => {
  const page = await open('/traces?range=15m&heat=1')
  const canvas = page.getByRole('slider', { name: /Traces by time and duration/ })
  const box = await canvas.boundingBox()
  if (!box) throw new Error('the heat map has no size')
  await page.mouse.move(box.x + box.width * 0.5, box.y + 4)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width - 4, box.y + (box.height - 20) / 2, { steps: 4 })
  await page.mouse.up()
  await page.waitForURL(/area=/)
  await page.getByRole('button', { name: 'Show only these' }).click()
  await page.waitForURL(/minDuration=/)
  const { start, end, minDuration, maxDuration } = query(page)
  await idle(page)
  const { total } = await host.get<{ total: number }>(
    `/api/traces/histogram?start=${start}&end=${end}&minDuration=${minDuration}&maxDuration=${maxDuration}`,
  )
  expect(total).toBeGreaterThan(5)
  expect(total).toBeLessThan(60)
  await page.getByText(`${total} traces`, { exact: true }).waitFor()
  await page.context().close()
}, 60_000)

async function graveFaults(page: Page): Promise<string[]> {
  await idle(page)
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)))
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    .analyze()
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  return grave.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)
}

it('says why the slowest are different, and writes a value into the filter', async () => {
  const page = await open('/traces?range=15m&heat=1')
  const canvas = page.getByRole('slider', { name: /Traces by time and duration/ })
  const box = await canvas.boundingBox()
  if (!box) throw new Error('the heat map has no size')
  await page.mouse.move(box.x + box.width * 0.5, box.y + 3)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width - 4, box.y + 14, { steps: 4 })
  await page.mouse.up()
  await page.getByRole('button', { name: 'Why are these different?' }).click()
  const panel = page.getByRole('region', { name: 'Why are these different?' })
  await panel.getByRole('heading', { name: /marked traces against/ }).waitFor()
  const first = panel.getByRole('region').first()
  await first.getByRole('heading', { name: /db\.pool/ }).waitFor()
  expect(await graveFaults(page)).toEqual([])
  await page.reload()
  await first.getByRole('button', { name: /pool-2/ }).click()
  await page.waitForURL((url) => url.searchParams.get('q') === 'db.pool=pool-2' && url.searchParams.has('area'))
  await page.getByText('20 traces', { exact: true }).waitFor()
  await page.keyboard.press('Escape')
  await page.waitForURL((url) => !url.searchParams.has('why'))
  await page.locator('tr[data-trace]').first().waitFor()
  await page.context().close()
}, 60_000)

it('finds traces by the tree of their spans, helped by completion and the page of the language', async () => {
  const page = await open('/traces?range=1h')
  await page.keyboard.press('/')
  // A list that still fills moves what is clicked.
  const choose = async (option: Locator): Promise<void> => {
    await option.waitFor()
    await idle(page)
    await option.click()
  }
  await page.keyboard.type('{ http.route=')
  await choose(page.getByRole('option').filter({ hasText: '/checkout' }))
  await page.keyboard.type('} >')
  await choose(page.getByRole('option', { name: '>> {' }))
  const editor = page.locator('.cm-content').first()
  expect((await editor.textContent())?.replaceAll('×', '')).toBe('{ http.route=/checkout } >> { ')
  await page.keyboard.type('name="SELECT cart"')
  await page.keyboard.press('Enter')
  await page
    .getByRole('alert')
    .getByText(/Character 29: the closing brace/)
    .waitFor()
  await page.keyboard.press('End')
  await page.keyboard.type(' }')
  await page.keyboard.press('Enter')
  await page.getByText('20 traces', { exact: true }).waitFor()
  expect(query(page)['q']).toBe('{ http.route=/checkout } >> { name="SELECT cart" }')
  await page.getByRole('button', { name: 'How filters are written' }).click()
  expect(await graveFaults(page)).toEqual([])
  await page.getByRole('button', { name: 'max(dur) > 1s' }).click()
  await page.keyboard.press('Backspace')
  await page.keyboard.press('Backspace')
  await page.keyboard.type('250ms')
  await page.keyboard.press('Enter')
  await page.getByText('4 traces', { exact: true }).waitFor()
  await page.context().close()
}, 60_000)

it('sorts by duration, orders columns, groups, and exports the whole result', async () => {
  const page = await open('/traces?range=1h')
  await page
    .getByRole('columnheader', { name: /Latency/ })
    .getByRole('button')
    .click()
  await page.waitForURL(/sort=duration/)
  await page.waitForFunction(
    (id) => document.querySelector('tr[data-trace]')?.getAttribute('data-trace') === id,
    traceIdOf(60),
  )
  await page.getByRole('button', { name: 'Columns' }).click()
  await page.getByRole('checkbox', { name: 'Most time in' }).uncheck()
  await page.getByRole('checkbox', { name: 'Errors' }).check()
  await page.keyboard.press('Escape')
  await page.getByRole('columnheader', { name: 'Errors' }).waitFor()
  expect(query(page)['cols']).toBe('status,request,latency,services,spans,started,id,errors')

  await page.getByLabel('Group by').selectOption('http.route')
  const checkout = page.getByRole('row', { name: /\/checkout/ })
  await checkout.waitFor()
  expect((await checkout.getByRole('gridcell').allTextContents()).slice(0, 3)).toEqual(['/checkout', '20', '50 %'])
  await checkout.click()
  await page.waitForURL((url) => url.searchParams.get('q') === 'http.route=/checkout' && !url.searchParams.has('group'))

  await page.getByRole('button', { name: 'Export' }).click()
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('group', { name: 'traces of this result' }).getByRole('button', { name: 'CSV' }).click(),
  ])
  const lines = readFileSync(await download.path(), 'utf8')
    .trim()
    .split('\r\n')
  expect(lines.length).toBe(21)
  expect(lines[1].split(',')[0]).toBe(traceIdOf(60))
  await page.context().close()
}, 60_000)

it('comes back to the row where one was, though another trace has come above it', async () => {
  const page = await open('/traces?range=1h')
  for (let i = 0; i < 45; i++) await page.keyboard.press('j')
  const marked = page.locator('tr[data-trace][aria-selected="true"]')
  const id = await marked.getAttribute('data-trace')
  await idle(page)
  const place = async (): Promise<number> => Math.round((await marked.boundingBox())?.y ?? -1)
  const before = await place()
  await page.keyboard.press('g')
  await page.keyboard.press('l')
  await page.waitForURL(/\/logs/)
  await idle(page)
  await sendAll(host, [{ trace: 900, span: 9000, service: 'gateway', name: 'GET /new', ago: 0, ms: 1 }], [])
  await page.goBack()
  await page.locator(`tr[data-trace="${id}"][aria-selected="true"]`).waitFor()
  await idle(page)
  expect(await place()).toBe(before)
  await page.context().close()
}, 60_000)

it('keeps the rows below the error when the core does not answer', async () => {
  const page = await open('/traces?range=1h')
  await page.route('**/api/traces?**', (route) => route.abort())
  await page.keyboard.press('r')
  await page.getByRole('alert').getByText('The core does not answer').waitFor()
  expect(await page.locator('tr[data-trace]').count()).toBeGreaterThan(5)
  await page.unroute('**/api/traces?**')
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByRole('alert').waitFor({ state: 'detached' })
  await page.context().close()
}, 60_000)

it('says what the address says in vain, and takes it away', async () => {
  const page = await open('/traces?range=9y&colour=red&status=error')
  await page.getByText('ignored: range=9y').waitFor()
  await page.getByRole('button', { name: 'Remove colour=red' }).click()
  await page.waitForURL((url) => !url.searchParams.has('colour'))
  expect(query(page)['range']).toBe('9y')
  await page.context().close()
}, 60_000)

it('understands a range as it is written, echoes it, and opens what is pasted into the palette', async () => {
  const page = await open('/traces?range=1h')
  await page.keyboard.press('t')
  await page.keyboard.type('45m')
  await page.getByText(/Last 45m: /).waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL(/range=45m/)
  await page.keyboard.press('Control+k')
  await page.keyboard.insertText(`level=info traceparent=00-${traceIdOf(3)}-000000000000001e-01 msg=done`)
  await page.keyboard.press('Enter')
  await page.waitForURL(`**/traces/${traceIdOf(3)}**`)
  await page.context().close()
}, 60_000)

it('gives a key to another and switches one off', async () => {
  const page = await open('/traces?range=1h')
  await page.goto(`${host.api}/settings/keyboard`)
  await page.getByRole('button', { name: /Counts or heat map: h/ }).click()
  await page.keyboard.press('r')
  await page.getByText('r is in use already').waitFor()
  await page.getByRole('button', { name: /Counts or heat map: h/ }).click()
  await page.keyboard.press('z')
  await page.getByRole('button', { name: /Counts or heat map: z/ }).waitFor()
  await page.goto(`${host.api}/traces?range=1h`)
  await page.locator('tr[data-trace]').first().waitFor()
  await page.keyboard.press('h')
  await page.keyboard.press('z')
  await page.waitForURL(/heat=1/)
  await page.keyboard.press('?')
  await page.getByRole('dialog').getByText('z', { exact: true }).waitFor()
  await page.context().close()
}, 60_000)

it.each([
  { name: 'light, fields', path: '/traces?range=1h&heat=1', options: {} },
  {
    name: 'dark, 简体中文, 1024',
    path: '/traces?range=1h&group=service',
    options: { dark: true, zh: true, width: 1024 },
  },
  { name: 'dark, refused words', path: '/traces?range=1h&status=error&x=1', options: { dark: true } },
])(
  'has no serious accessibility fault ($name)',
  async ({ path, options }) => {
    const page = await open(path, options)
    await page.keyboard.press('s')
    await page.locator('.facets .pick').first().waitFor()
    // Old rows are dimmed while new ones load: contrast is that of the page at rest.
    expect(await graveFaults(page)).toEqual([])
    await page.context().close()
  },
  60_000,
)
