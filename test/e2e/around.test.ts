import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { MACHINE, machineMetrics, texts } from '../fixtures/machine-metrics.ts'
import { launchBrowser, openPage, pageIdle, pageQuery } from '../fixtures/page-browser.ts'
import { followLive, type RunningHost } from '../fixtures/running-host.ts'

const TRACE = '5b8efff798038103d269b633813fc60c'
let host: RunningHost
let browser: Browser
let page: Page
let start = 0
const problems: string[] = []

async function post(path: string, body: object): Promise<void> {
  const answer = await fetch(`${host.otlp}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(answer.status).toBe(200)
}

beforeAll(async () => {
  host = await startJourneyHost()
  const live = await followLive(host)
  start = Date.now() - 40_000
  const resource = (service: string) => ({
    attributes: texts({ 'service.name': service, 'service.instance.id': `${service}-1`, ...MACHINE }),
  })
  const span = (spanId: string, parentSpanId: string, name: string) => ({
    traceId: TRACE,
    spanId,
    parentSpanId,
    name,
    kind: 2,
    startTimeUnixNano: `${start}000000`,
    endTimeUnixNano: `${start + 200}000000`,
  })
  await post('/v1/traces', {
    resourceSpans: [
      { resource: resource('gateway'), scopeSpans: [{ spans: [span('0000000000000001', '', 'GET /')] }] },
      { resource: resource('cart'), scopeSpans: [{ spans: [span('0000000000000002', '0000000000000001', 'load')] }] },
    ],
  })
  const record = (text: string, traceId?: string) => ({
    timeUnixNano: `${start + 100}000000`,
    severityNumber: 13,
    severityText: 'WARN',
    body: { stringValue: text },
    ...(traceId ? { traceId, spanId: '0000000000000002' } : {}),
  })
  await post('/v1/logs', {
    resourceLogs: [
      {
        resource: resource('cart'),
        scopeLogs: [{ logRecords: [record('cart is slow', TRACE), record('disk is busy')] }],
      },
    ],
  })
  await post('/v1/metrics', machineMetrics())
  await live.wait(({ type, data }) => type === 'status' && data.storage.spans === 2 && data.storage.logs === 2)
  live.close()
  browser = await launchBrowser()
  page = await openPage(browser, host, '/traces?range=1h')
  page.on('pageerror', (error) => problems.push(error.message))
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
})

const menu = () => page.getByRole('dialog', { name: /^Around / })
/** Opens the menu with its key and chooses by letter; answers the address that Back must lead to. */
async function around(letter: string): Promise<string> {
  await pageIdle(page)
  await page.keyboard.press('.')
  await menu().waitFor()
  const before = page.url()
  await page.keyboard.press(letter)
  await menu().waitFor({ state: 'detached' })
  await page.waitForFunction((url) => new URL(location.href).pathname !== new URL(url).pathname, before)
  await pageIdle(page)
  return before
}

it('leads from a span to logs, to those of its machine without a trace, and back to the span', async () => {
  await page.goto(`${host.api}/traces/${TRACE}?range=1h&span=0000000000000002`)
  await page.getByRole('region', { name: 'Machine and process during the trace' }).getByText('web-1').waitFor()
  await page.keyboard.press('.')
  await menu().getByText('cart · web-1').waitFor()
  const { violations } = await new AxeBuilder({ page }).include('[role="dialog"]').analyze()
  expect(violations.map((one) => one.id)).toEqual([])
  await page.keyboard.press('Escape')
  const before = await around('l')
  expect(pageQuery(page)).toMatchObject({ service: 'cart' })
  await page.getByText('cart is slow').first().waitFor()
  const { start: from, end: to } = pageQuery(page)
  expect([Number(from), Number(to)]).toEqual([start * 1000 - 30e6, start * 1000 + 30.2e6])
  await page.goBack()
  await page.getByRole('row', { selected: true, name: 'cart, load' }).waitFor()
  expect(page.url()).toBe(before)
  await page.getByRole('region', { name: 'Machine and process during the trace' }).getByText('web-1').waitFor()
  await around('h')
  await page.getByText('disk is busy').first().waitFor()
  expect(await page.getByText('cart is slow').count()).toBe(0)
})

it('leads from a log line to the traces, and back to the line', async () => {
  await page.goto(`${host.api}/logs?range=1h`)
  await page.getByText('disk is busy').first().waitFor()
  await page.keyboard.press('j')
  await around('t')
  await page.locator(`[data-trace="${TRACE}"]`).waitFor()
  expect(pageQuery(page)).toMatchObject({ service: 'cart' })
  await page.goBack()
  await page.locator('.log-detail').waitFor()
  expect(pageQuery(page).at).toBeTruthy()
})

it('leads from a bar of the histograms and a cell of the heat map to what lies around it', async () => {
  for (const [path, name, letter, to] of [
    ['/traces?range=15m&service=cart', /^Traces over time/, 'l', '/logs'],
    ['/logs?range=15m&service=cart', /^Log lines over time/, 't', '/traces'],
    ['/traces?range=15m&service=cart&heat=1', /^Traces by time and duration/, 's', '/system'],
  ] as const) {
    await page.goto(`${host.api}${path}`)
    await page.getByRole('slider', { name }).focus()
    await pageIdle(page)
    await page.keyboard.press('ArrowLeft')
    const before = await around(letter)
    expect(new URL(page.url()).pathname).toBe(to)
    expect(pageQuery(page)).toMatchObject({ service: 'cart', start: expect.stringMatching(/^\d{16}$/) })
    await page.goBack()
    await page.getByRole('slider', { name }).waitFor()
    expect(page.url()).toBe(before)
  }
})

it('leads from a point of a chart to the failed traces, and back to the point', async () => {
  await page.goto(`${host.api}/system?range=15m&host=web-1`)
  const chart = page.locator('[data-card="cpu"] .sense')
  await chart.focus()
  await page.keyboard.press('ArrowLeft')
  await around('e')
  expect(pageQuery(page)).toMatchObject({ status: 'error' })
  await page.goBack()
  await page.locator('[data-card="cpu"]').waitFor()
  expect(pageQuery(page)).toMatchObject({ host: 'web-1', range: '15m', at: expect.stringMatching(/^\d{16}$/) })
})

it('leads from a line of a metric, a node of the map and a run', async () => {
  await page.goto(`${host.api}/metrics?range=15m&expr=${encodeURIComponent('nodejs_eventloop_delay_p99_seconds')}`)
  await page.locator('.card.graph .sense').focus()
  await page.keyboard.press('ArrowLeft')
  await around('l')
  expect(pageQuery(page)).toMatchObject({ service: 'gateway' })
  // The same on a board: a point of a graph, or a panel as a whole.
  const expr = 'nodejs_eventloop_delay_p99_seconds'
  const place = { y: 0, w: 12, h: 8, queries: [{ expr }] }
  const board = await host.get<{ id: string }>('/api/boards', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      title: 'Around',
      panels: [
        { id: 'a', kind: 'graph', title: 'Line', x: 0, ...place },
        { id: 'b', kind: 'stat', title: 'Number', x: 12, ...place },
      ],
    }),
  })
  await page.goto(`${host.api}/boards/${board.id}?range=15m`)
  await page.locator('[data-panel="a"] .time-chart[data-drawn]').waitFor()
  await page.locator('[data-panel="a"] .sense').focus()
  await page.keyboard.press('ArrowLeft')
  await around('t')
  const { start: from, end: to, service } = pageQuery(page)
  expect([service, Number(to) - Number(from)]).toEqual(['gateway', 120e6])
  await page.goBack()
  const number = page.getByRole('region', { name: 'Number' })
  await number.getByText(/ms$/).first().waitFor()
  await number.click({ button: 'right' })
  await page.getByRole('dialog', { name: 'Around Number' }).waitFor()
  await page.keyboard.press('t')
  await page.waitForURL(/\/traces\?/)
  const { start: first, end: last } = pageQuery(page)
  expect(Number(last) - Number(first)).toBe(900e6)
  await page.goto(`${host.api}/map?range=1h&sel=cart`)
  await page.getByRole('complementary', { name: 'cart' }).getByRole('button', { name: 'See around this' }).click()
  await menu().waitFor()
  await page.getByRole('button', { name: 'Machine and latency (System)' }).click()
  await page.waitForURL(/\/system\?.*service=cart/)
  await page.goBack()
  await page.getByRole('complementary', { name: 'cart' }).waitFor()
  await page.goto(`${host.api}/runs?range=1h&service=cart`)
  await page.getByText('cart-1').first().waitFor()
  await around('p')
  expect(pageQuery(page)).toMatchObject({ sel: 'cart' })
  expect(problems).toEqual([])
})
