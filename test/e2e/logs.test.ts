import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { type ListLine, sendAll, traceIdOf } from '../fixtures/list-data.ts'
import {
  pageIdle as idle,
  launchBrowser,
  openPage,
  type PageOptions,
  pageQuery as query,
} from '../fixtures/page-browser.ts'
import type { RunningHost } from '../fixtures/running-host.ts'

const HOSTILE = '<img src=x onerror="window.pwned=1">'
const ESC = String.fromCharCode(27)
let host: RunningHost
let browser: Browser

beforeAll(async () => {
  host = await startJourneyHost()
  browser = await launchBrowser()
  const lines: ListLine[] = Array.from({ length: 400 }, (_, i) => ({
    service: i % 2 === 0 ? 'cart' : 'gateway',
    ago: 60_000 + i * 100,
    severity: i % 20 === 0 ? 17 : 9,
    body: i % 20 === 0 ? `no connection within ${i} ms` : `stock ${i}: left`,
    attributes: { pool: i % 4 === 0 ? 'cart-db' : 'order-db' },
  }))
  lines.push(
    { service: 'cart', ago: 50_000, severity: 13, body: `pay {"card":"${HOSTILE}"}`, trace: 9, span: 91 },
    { service: 'cart', ago: 49_000, severity: 5, body: `${ESC}[31mred${ESC}[0m alert\nsecond line` },
    { service: 'cart', ago: 48_000, severity: 9, body: '{"order":{"id":7}}' },
  )
  const span = { trace: 9, span: 91, service: 'cart', name: 'POST /pay', ago: 50_100, ms: 300 }
  await sendAll(host, [span], lines)
})
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

async function open(path: string, options: PageOptions = {}): Promise<Page> {
  const page = await openPage(browser, host, path, options)
  await page.locator('[data-log]').first().waitFor()
  await idle(page)
  return page
}

it('narrows by a typed filter, a fault with its place, a facet and a severity', async () => {
  const page = await open('/logs?range=1h')
  await page.getByText('403 lines', { exact: true }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('dur>')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').getByText('Character 1:').waitFor()
  await page.keyboard.press('Control+a')
  // `>=` must survive being typed one sign at a time.
  await page.keyboard.type('severity>=error')
  await page.keyboard.press('Enter')
  await page.getByText('20 lines', { exact: true }).waitFor()
  expect(query(page)['severity']).toBe('error')
  await page.locator('.facets .pick', { hasText: 'cart-db' }).click()
  await page.waitForURL((url) => url.searchParams.get('q') === 'pool=cart-db')
  await page.goBack()
  await page.getByText('20 lines', { exact: true }).waitFor()
  await page.goBack()
  await page.getByText('403 lines', { exact: true }).waitFor()
  await page.getByRole('button', { name: /^INFO/ }).click()
  await page.waitForURL((url) => url.searchParams.get('q') === 'severity!=info')
  await page.getByText('22 lines', { exact: true }).waitFor()
  await page.context().close()
}, 60_000)

it('deletes a token with the second Backspace and takes a pasted query whole', async () => {
  const page = await open('/logs?range=1h&service=cart&q=pool%3Dcart-db')
  await page.keyboard.press('/')
  await page.keyboard.press('Backspace')
  expect(await page.evaluate(() => window.getSelection()?.toString())).toContain('pool=cart-db')
  await page.keyboard.press('Backspace')
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => !url.searchParams.has('q'))
  await page.keyboard.press('Control+a')
  await page.locator('.cm-content').evaluate((element) => {
    const data = new DataTransfer()
    data.setData('text/plain', 'service=gateway\nseverity>=error pool="order-db"')
    element.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  })
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => url.searchParams.get('service') === 'gateway')
  expect(query(page)).toMatchObject({ service: 'gateway', severity: 'error', q: 'pool=order-db' })
  await page.context().close()
}, 60_000)

it('opens a line, goes to its span and comes back to the very line', async () => {
  const page = await open('/logs?range=1h&severity=warn')
  await page.locator('[data-log]', { hasText: 'pay' }).click()
  await page.getByText('trace_id').waitFor()
  const at = query(page)['at']
  expect(at).toBeTruthy()
  await page.keyboard.press('i')
  await page.waitForURL(`**/traces/${traceIdOf(9)}**`)
  expect(query(page)['span']).toBe('000000000000005b')
  await page.goBack()
  await page.getByText('trace_id').waitFor()
  expect(query(page)['at']).toBe(at)
  expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined()
  await page.context().close()
}, 60_000)

it('shows colours and JSON, context without filters, patterns, columns and wrapping by keys', async () => {
  const page = await open('/logs?range=1h&severity=error&cols=pool')
  await page.getByRole('columnheader', { name: /pool/ }).waitFor()
  await page.keyboard.press('j')
  await page.keyboard.press('u')
  await page.getByText(/Up to 50 lines before and after/).waitFor()
  await page.locator('[data-log]', { hasText: 'stock' }).first().waitFor()
  await page.locator('.ansi-red', { hasText: 'red' }).waitFor()
  await page.locator('[data-log]', { hasText: '{"order"' }).click()
  await page.getByText('"id": 7').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Back' }).click()
  await page.waitForURL((url) => !url.searchParams.has('around'))
  await page.keyboard.press('w')
  await page.waitForURL(/wrap=1/)
  await page.keyboard.press('p')
  const pattern = page.getByRole('row', { name: /no connection within/ })
  await pattern.waitFor()
  expect(await pattern.getByRole('gridcell').first().textContent()).toBe('20')
  await pattern.click()
  await page.waitForURL((url) => (url.searchParams.get('q') ?? '').startsWith('body=~'))
  await page.getByText('20 lines', { exact: true }).waitFor()
  await page.context().close()
}, 60_000)

it('comes back to the lines where one was', async () => {
  const page = await open('/logs?range=1h')
  await page.locator('.logs .scroller').evaluate((element) => element.scrollTo({ top: 3007 }))
  const first = page.locator('[data-log]', { hasText: 'stock 155: left' })
  await first.waitFor()
  await idle(page)
  const before = Math.round((await first.boundingBox())?.y ?? -1)
  await page.getByRole('button', { name: /^ERROR/ }).click()
  await page.waitForURL(/severity/)
  await page.getByText('403 lines', { exact: true }).waitFor({ state: 'detached' })
  await page.goBack()
  await page.getByText('403 lines', { exact: true }).waitFor()
  await first.waitFor()
  await idle(page)
  expect(Math.round((await first.boundingBox())?.y ?? -1)).toBe(before)
  await page.context().close()
}, 60_000)

it('lets new lines wait while one is read, and shows them when asked', async () => {
  const page = await open('/logs?range=15m&live=1')
  await page.keyboard.press('j')
  await sendAll(
    host,
    [],
    [
      { service: 'cart', ago: 0, severity: 9, body: 'hot off the press' },
      { service: 'cart', ago: 0, severity: 9, body: 'and one more' },
    ],
  )
  await page.getByText('Paused: 2 new').waitFor()
  expect(await page.getByText('hot off the press').count()).toBe(0)
  await page.keyboard.press('l')
  await page.locator('[data-log]', { hasText: 'hot off the press' }).waitFor()
  expect(query(page)['live']).toBe('1')
  await page.context().close()
}, 60_000)

it('keeps a view under a name for every window', async () => {
  const page = await open('/logs?range=1h&severity=error')
  await page.getByRole('button', { name: 'Save view' }).click()
  await page.getByLabel('Name').fill('Errors, last hour')
  await page.keyboard.press('Enter')
  await page.getByRole('link', { name: 'Errors, last hour' }).waitFor()
  const other = await open('/logs?range=1h')
  await other.getByRole('link', { name: 'Errors, last hour' }).click()
  await other.waitForURL(/severity=error/)
  await page.context().close()
  await other.context().close()
}, 60_000)

it.each([
  { name: 'light', path: '/logs?range=1h&cols=pool', options: {} },
  { name: 'dark, 简体中文, 1024', path: '/logs?range=1h&wrap=1', options: { dark: true, zh: true, width: 1024 } },
])(
  'has no serious accessibility fault ($name)',
  async ({ path, options }) => {
    const page = await open(path, options)
    await page.locator('[data-log]').first().click()
    await page.locator('.log-detail').waitFor()
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
      .analyze()
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    expect(grave.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([])
    await page.context().close()
  },
  60_000,
)
