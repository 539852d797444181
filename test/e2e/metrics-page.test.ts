import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sendAll } from '../fixtures/list-data.ts'
import { type SentMetrics, sendMetrics } from '../fixtures/metric-data.ts'
import {
  pageIdle as idle,
  launchBrowser,
  openPage,
  type PageOptions,
  pageQuery as query,
} from '../fixtures/page-browser.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
let browser: Browser
let sent: SentMetrics

beforeAll(async () => {
  host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)))
  browser = await launchBrowser()
  sent = await sendMetrics(host)
  await sendAll(host, [{ trace: 9, span: 91, service: 'cart', name: 'POST /cart', ago: 15 * 60_000, ms: 1700 }], [])
}, 150_000)
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

const P95 = 'histogram_quantile(0.95, sum by (le, job) (rate(http_server_request_duration_seconds_bucket[5m])))'

async function open(path: string, options: PageOptions = {}): Promise<Page> {
  const page = await openPage(browser, host, path, { ...options, timeoutMs: 40_000 })
  await page.locator('.cm-content').first().waitFor()
  return page
}
const withRange = (expr: string, more = ''): string => `/metrics?range=1h&expr=${encodeURIComponent(expr)}${more}`

it('draws a useful graph in three keys, without PromQL', async () => {
  const page = await open('/traces?range=1h'.replace('/traces', '/metrics'))
  await page.locator('.explorer .row', { hasText: 'http_requests_total' }).waitFor()
  await page.waitForFunction(() => document.activeElement?.getAttribute('type') === 'search')
  await page.keyboard.type('http_re')
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => url.searchParams.get('expr') === 'rate(http_requests_total[5m])')
  await page.locator('.series-table .item').first().waitFor()
  expect(await page.locator('.series-table .item').count()).toBe(8)
  await page.locator('.time-chart[data-drawn]').waitFor()
  // A histogram is picked as its quantile; what the explorer put there is replaced.
  await page.locator('.explorer input').fill('server request')
  await page.keyboard.press('Enter')
  await page.waitForURL((url) =>
    (url.searchParams.get('expr') ?? '').startsWith('histogram_quantile(0.95, sum by (le)'),
  )
  await page.goBack()
  await page.waitForURL((url) => url.searchParams.get('expr') === 'rate(http_requests_total[5m])')
  await page.context().close()
}, 150_000)

it('completes from our own api, underlines faults with their place and says what to do', async () => {
  const page = await open('/metrics?range=1h')
  const editor = page.locator('.cm-content')
  await editor.click()
  await page.keyboard.type('rate(http_req')
  await page.locator('.cm-tooltip-autocomplete li', { hasText: 'http_requests_total' }).waitFor()
  await page.keyboard.press('Tab')
  await page.waitForFunction(() => document.querySelector('.cm-content')?.textContent === 'rate(http_requests_total)')
  await page.locator('.cm-lintRange-error').waitFor()
  await page.keyboard.press('Control+Enter')
  const fault = page.getByRole('alert')
  await fault.getByText('expected type range vector').waitFor()
  await fault.getByText('Put a range behind the selector').waitFor()
  await fault.getByText('bad_promql').waitFor()
  await fault.getByRole('button', { name: 'line 1, column 6' }).click()
  expect(await page.evaluate(() => window.getSelection()?.toString())).toBe('http_requests_total')
  // Typed over, the fault is gone after the next run; labels complete, too.
  await page.keyboard.press('Control+a')
  await page.keyboard.type('sum by (jo')
  await page.locator('.cm-tooltip-autocomplete li', { hasText: 'job' }).waitFor()
  await page.keyboard.press('Tab')
  await page.keyboard.type(') (queue_length')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+Enter')
  await page.locator('.series-table .item').first().waitFor()
  expect(await page.getByRole('alert').count()).toBe(0)
  // An empty editor brings earlier expressions back.
  await editor.click()
  await page.keyboard.press('Control+a')
  await page.keyboard.press('Backspace')
  await page.keyboard.press('ArrowUp')
  await page.waitForFunction(() => document.querySelector('.cm-content')?.textContent === 'sum by (job) (queue_length)')
  await page.keyboard.press('ArrowUp')
  await page.waitForFunction(() => document.querySelector('.cm-content')?.textContent === 'rate(http_requests_total)')
  await page.context().close()
}, 150_000)

it('shows warnings and infos with their place, and a signature under the pointer', async () => {
  const page = await open(withRange('rate(queue_length[5m])'))
  await page.locator('.notes li', { hasText: 'metric might not be a counter' }).waitFor()
  await page.locator('.notes').getByRole('button', { name: 'line 1, column 6' }).waitFor()
  await page.locator('.pq-function', { hasText: 'rate' }).hover()
  await page.locator('.function-card', { hasText: 'rate(range-vector) → instant-vector' }).waitFor()
  await page.context().close()
}, 150_000)

it('runs several queries: added, named, hidden, moved, removed, all in the address', async () => {
  const page = await open(withRange('queue_length'))
  await page.locator('.series-table .item').first().waitFor()
  await page.getByRole('button', { name: 'Add a query' }).click()
  await page.locator('[data-query="B"] .cm-content').waitFor()
  await page.waitForFunction(() => document.activeElement?.closest('[data-query="B"]') !== null)
  await page.keyboard.type('sum(queue_length)')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Control+Enter')
  await page.waitForURL((url) => url.searchParams.get('expr2') === 'sum(queue_length)')
  await page.waitForFunction(() => document.querySelectorAll('.series-table .item').length === 5)
  await page.getByLabel('Legend of query B').fill('all of them')
  await page.keyboard.press('Enter')
  await page.locator('.series-table .item', { hasText: 'all of them' }).waitFor()
  await page.getByRole('button', { name: 'Hide query A' }).click()
  await page.waitForFunction(() => document.querySelectorAll('.series-table .item').length === 1)
  expect(query(page)).toMatchObject({ expr: 'queue_length', label2: 'all of them', hide: '1' })
  await page.getByRole('button', { name: 'Move query B up' }).click()
  await page.waitForURL((url) => url.searchParams.get('expr') === 'sum(queue_length)')
  expect(query(page)).toMatchObject({ label: 'all of them', hide: '2' })
  await page.getByRole('button', { name: 'Remove query B' }).click()
  await page.waitForURL((url) => !url.searchParams.has('expr2'))
  await page.reload()
  await page.locator('.series-table .item', { hasText: 'all of them' }).waitFor()
  await page.context().close()
}, 150_000)

it('leads from a point to the traces around it, with service and duration, and back', async () => {
  const page = await open(withRange(P95))
  await page.locator('.series-table .item').first().waitFor()
  const cart = page.locator('.series-table .item', { hasText: 'cart' })
  await cart.getByRole('button', { name: /^{/ }).click()
  await page.waitForURL((url) => (url.searchParams.get('only') ?? '').includes('cart'))
  await page.locator('.sense').focus()
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowLeft')
  await page.locator('.chart-tip').getByText('Enter: traces a minute before and after').waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => url.pathname === '/traces')
  const { start, end, service, minDuration } = query(page)
  expect(Number(end) - Number(start)).toBe(120e6)
  expect(service).toBe('cart')
  expect(minDuration).toMatch(/^\d+ms$/)
  await page.goBack()
  await page.waitForURL((url) => url.pathname === '/metrics' && url.searchParams.get('expr') === P95)
  await page.locator('.series-table .item').first().waitFor()
  await page.context().close()
}, 150_000)

it('shows exemplars as dots that open their trace', async () => {
  const page = await open(withRange(P95))
  await page.locator('.series-table .item').first().waitFor()
  await page.getByRole('button', { name: 'exemplars' }).click()
  await page.getByRole('button', { name: /exemplars \d+/ }).waitFor()
  await page.locator('.sense').focus()
  await page.keyboard.press('ArrowLeft')
  await page.keyboard.press('e')
  await page.waitForURL((url) => url.pathname === `/traces/${sent.traceId}`)
  await page.context().close()
}, 150_000)

it('says when there are more series than it draws, and draws one of the others on a click', async () => {
  const page = await open(withRange('many_items'))
  await page.getByText('30 series; drawing the 20 largest').waitFor()
  await page.getByText('10 of 30 series are only in this table').waitFor()
  await page.getByRole('columnheader', { name: 'Max' }).getByRole('button').click()
  await page.locator('.series-table .item').first().getByText('not drawn').waitFor()
  await page.locator('.series-table .item').first().getByRole('button', { name: /^{/ }).click()
  await page.waitForURL((url) => (url.searchParams.get('only') ?? '').includes('shelf="000"'))
  await page.context().close()
}, 150_000)

it('shows tables at a moment and over the range, texts, and an empty result', async () => {
  const page = await open(withRange('topk(2, sum by (job) (http_requests_total))', '&g=table'))
  await page.locator('.result .item').first().waitFor()
  expect(await page.locator('.result .item').count()).toBe(2)
  await page.locator('.result .item', { hasText: 'gateway' }).waitFor()
  await page.getByRole('button', { name: 'Every sample' }).click()
  await page.waitForURL((url) => url.searchParams.get('rows') === 'range')
  await page.waitForFunction(() => document.querySelectorAll('.result .item').length > 20)
  await page.goto(`${host.api}${withRange('nothing_like_this')}`)
  await page.getByText('No series match').waitFor()
  await page.getByRole('button', { name: 'Explain this expression' }).click()
  await page.locator('.explain li', { hasText: 'nothing_like_this' }).getByText('0 series').waitFor()
  await page.context().close()
}, 150_000)

it('explains an expression with the series of each step', async () => {
  const page = await open(withRange('sum by (job) (rate(http_requests_total{code="500"}[5m]))'))
  await page.getByRole('button', { name: 'Explain this expression' }).click()
  const steps = page.locator('.explain li')
  await steps.filter({ hasText: 'sum by (job)' }).getByText('4 series').waitFor()
  await steps.filter({ hasText: /^rate/ }).getByText('4 series').waitFor()
  await steps.filter({ hasText: 'http_requests_total{code="500"}[5m]' }).getByText('4 series').waitFor()
  await page.context().close()
}, 150_000)

it('draws classic and native histograms as heat maps', async () => {
  const page = await open(
    withRange('sum by (le) (increase(http_server_request_duration_seconds_bucket[5m]))', '&g=heat'),
  )
  const canvas = page.getByRole('slider')
  await canvas.focus()
  await page.keyboard.press('ArrowUp')
  await page.waitForFunction(() =>
    /observations/.test(document.querySelector('[role=slider]')?.getAttribute('aria-valuetext') ?? ''),
  )
  await page.goto(`${host.api}${withRange('sum(increase(db_call_duration_seconds[5m]))')}`)
  await page.getByText('They have no single value to draw as a line').waitFor()
  await page.locator('.notice').getByRole('button', { name: 'Heat map' }).click()
  await canvas.waitFor()
  await page.goto(`${host.api}${withRange('queue_length', '&g=heat')}`)
  await page.getByText('No buckets in this result').waitFor()
  await page.context().close()
}, 150_000)

it('takes a step, says when it had to be larger, and names what it ignores', async () => {
  const page = await open(withRange('queue_length', '&step=1m&nonsense=7'))
  await page.getByText('nonsense=7').waitFor()
  await page.locator('.series-table .item').first().waitFor()
  await page.getByLabel('Step').fill('100ms')
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => url.searchParams.get('step') === '100ms')
  await page.getByText(/more than 11,000 points otherwise/).waitFor()
  await page.context().close()
}, 150_000)

it('shows where series come from', async () => {
  const page = await open('/metrics?range=1h')
  await page.getByRole('button', { name: 'Cardinality' }).click()
  await page.getByText(/^\d+ active series$/).waitFor()
  await page.locator('.cardinality .row', { hasText: 'http_server_request_duration_seconds_bucket' }).waitFor()
  await page.locator('.cardinality .row', { hasText: 'shelf' }).first().click()
  await page.waitForURL((url) => url.searchParams.get('expr') === 'count by (shelf) ({shelf!=""})')
  await page.context().close()
}, 150_000)

it.each([
  { name: 'light', path: withRange(P95, '&ex=1'), options: {} },
  {
    name: 'dark, 简体中文, 1024',
    path: withRange('rate(queue_length[5m])', '&expr2=sum('),
    options: { dark: true, zh: true, width: 1024 },
  },
  { name: 'table, dark', path: withRange('queue_length', '&g=table'), options: { dark: true } },
  {
    name: 'heat map',
    path: withRange('sum by (le) (increase(http_server_request_duration_seconds_bucket[5m]))', '&g=heat'),
    options: {},
  },
])(
  'has no serious accessibility fault ($name)',
  async ({ path, options }) => {
    const page = await open(path, options)
    await page.locator('.graph, .result, .heat').first().waitFor()
    await idle(page)
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
      .analyze()
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    expect(grave.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
    await page.context().close()
  },
  150_000,
)
