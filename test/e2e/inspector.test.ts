import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { MACHINE, machineMetrics, texts } from '../fixtures/machine-metrics.ts'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { launchBrowser, pageIdle } from '../fixtures/page-browser.ts'
import { followLive, type RunningHost } from '../fixtures/running-host.ts'

const SLOW = '9f3c2a1b00000000000000000000beef'
const FAST = '11111111000000000000000000000001'
const HOSTILE = '<img src=x onerror="window.pwned=1">'
const QUERIES = 40

let host: RunningHost
let browser: Browser
let page: Page
const problems: string[] = []

type Attributes = Record<string, string | number>

/** A shop request that asks the database `queries` times, one after another; the slow one fails at the end. */
function shopTrace(traceId: string, queries: number): Record<string, unknown>[] {
  const base = BigInt(Date.now() - 60_000) * 1_000_000n
  const services = new Map<string, Record<string, unknown>[]>()
  let next = 1
  const add = (
    service: string,
    parent: string,
    name: string,
    at: number,
    ms: number,
    kind: number,
    attributes: Attributes = {},
    failure = '',
  ): string => {
    const spanId = (next++).toString(16).padStart(16, '0')
    const end = base + BigInt(Math.round((at + ms) * 1e6))
    const pair = ([key, value]: [string, string | number]) => ({
      key,
      value: typeof value === 'number' ? { intValue: String(value) } : { stringValue: value },
    })
    const spans = services.get(service) ?? []
    services.set(service, spans)
    spans.push({
      traceId,
      spanId,
      parentSpanId: parent,
      name,
      kind,
      startTimeUnixNano: (base + BigInt(Math.round(at * 1e6))).toString(),
      endTimeUnixNano: end.toString(),
      attributes: Object.entries(attributes).map(pair),
      status: failure ? { code: 2, message: failure } : undefined,
      events: failure
        ? [
            {
              timeUnixNano: end.toString(),
              name: 'exception',
              attributes: Object.entries({
                'exception.type': 'PoolTimeoutError',
                'exception.message': failure,
                'exception.stacktrace': `PoolTimeoutError: ${failure}\n    at acquire (/app/src/pool.ts:4:1)\n    at query (/app/node_modules/pg/a.js:5:1)\n    at next (node:internal/task:1:1)`,
              }).map(pair),
            },
          ]
        : [],
    })
    return spanId
  }
  const whole = queries * 10 + 60
  const failure = queries > 5 ? 'no connection within 100 ms' : ''
  const root = add(
    'gateway',
    '',
    'POST /cart',
    0,
    whole,
    2,
    {
      'http.request.method': 'POST',
      'http.route': '/cart',
      'http.response.status_code': failure ? 500 : 201,
      note: HOSTILE,
    },
    failure,
  )
  const load = add('cart', root, 'load_items', 10, queries * 10 + 10, 2)
  for (let i = 0; i < queries; i++)
    add('cart', load, 'db.query', 15 + i * 10, 9, 3, {
      'db.system.name': 'postgresql',
      'server.address': 'cart-db',
      'db.query.text': 'select sku from items where cart = $1 and position = $2',
    })
  add('cart', root, 'render', queries * 10 + 30, 5, 1, { 'needle.key': 'haystack' }, failure)
  add('gateway', 'ffffffffffffffff', 'lost child', 20, 5, 1)
  return [...services].map(([service, spans]) => ({
    resource: { attributes: texts({ 'service.name': service, 'service.instance.id': `${service}-1`, ...MACHINE }) },
    scopeSpans: [{ spans }],
  }))
}

beforeAll(async () => {
  host = await startJourneyHost()
  const live = await followLive(host)
  for (const [traceId, queries] of [
    [SLOW, QUERIES],
    [FAST, 1],
  ] as const) {
    const answer = await fetch(`${host.otlp}/v1/traces`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-protobuf' },
      body: Buffer.from(encodeTraces(shopTrace(traceId, queries))),
    })
    expect(answer.status).toBe(200)
    await live.wait(
      (message) => message.type === 'traces' && message.data.items.some((item) => item.traceId === traceId),
    )
  }
  live.close()
  const answer = await fetch(`${host.otlp}/v1/metrics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(machineMetrics()),
  })
  expect(await answer.json()).toEqual({})
  browser = await launchBrowser()
  page = await browser.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-US' })
  page.on('pageerror', (error) => problems.push(error.message))
  await page.goto(`${host.api}/#token=${host.token}`)
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
})

async function open(query = ''): Promise<void> {
  await page.goto(`${host.api}/traces/${SLOW}?range=1h${query}`)
  await page.locator('.inspector [role="tabpanel"]').first().waitFor()
}
const selected = () => page.getByRole('treegrid').getByRole('row', { selected: true }).getAttribute('aria-label')
const press = (keys: string) => page.keyboard.press(keys)

it('names the culprit, folds the calls, shows what is missing, and runs no text as markup', async () => {
  await open()
  await page.getByText(`db.query ×${QUERIES}`).first().waitFor()
  await page.getByText('one after another').waitFor()
  await page.getByText('N+1?').waitFor()
  await page.getByText('1 span has a parent that never arrived').waitFor()
  await page.getByRole('row', { name: `${QUERIES} times db.query in cart-db` }).waitFor()
  expect(await page.getByRole('treegrid').getByRole('row').count()).toBe(5)
  await page.getByText(HOSTILE).waitFor()
  expect(await page.evaluate(() => (window as { pwned?: number }).pwned)).toBeUndefined()
})

it('is walked by keys: rows, folds, errors, search, views', async () => {
  await open()
  await page.getByRole('row', { selected: true, name: 'gateway, POST /cart' }).waitFor()
  await press('j')
  await page.getByRole('row', { selected: true, name: 'cart, load_items' }).waitFor()
  await press('e')
  await page.getByRole('row', { selected: true, name: 'cart, render' }).waitFor()
  await press('ArrowLeft')
  await page.getByRole('row', { selected: true, name: 'gateway, POST /cart' }).waitFor()
  await press('ArrowLeft')
  await page.getByText('2 rows, 44 spans').waitFor()
  await press('ArrowRight')
  await press('/')
  await page.waitForFunction(() => document.activeElement instanceof HTMLInputElement)
  await page.keyboard.type('haystack')
  // Only an attribute holds the text: the core has found it.
  await page.getByRole('status').filter({ hasText: /^1$/ }).waitFor()
  await press('Enter')
  await page.getByRole('row', { selected: true, name: 'cart, render' }).waitFor()
  expect(await selected()).toContain('error')
  await press('Escape')
  await press('Escape')
  await press('3')
  await page.getByRole('columnheader', { name: 'Calls' }).waitFor()
  expect(new URL(page.url()).searchParams.get('range')).toBe('1h')
})

it('keeps its state in the address', async () => {
  await open('&view=flame')
  await page.getByRole('tab', { name: 'Flame', selected: true }).waitFor()
  await open(`&span=0000000000000002&zoom=100000,200000`)
  await page.getByRole('row', { selected: true, name: 'cart, load_items' }).waitFor()
  await page.getByText('Zoomed to 100 ms').waitFor()
  await press('0')
  await page.getByText('Whole trace').waitFor()
  await page.waitForFunction(() => !new URL(location.href).searchParams.has('zoom'))
})

it('keeps the widths of its panels for the next time, and gives them back', async () => {
  for (const name of ['Width of the drawer', 'Width of the names']) {
    await open()
    const border = page.getByRole('separator', { name })
    const width = async (): Promise<number> => Number(await border.getAttribute('aria-valuenow'))
    const usual = await width()
    await border.focus()
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    const chosen = await width()
    expect(chosen).not.toBe(usual)
    await page.reload()
    await border.waitFor()
    await pageIdle(page)
    expect(await width()).toBe(chosen)
    await border.dblclick()
    expect(await width()).toBe(usual)
  }
})

it('reads statement and stack of a span, and filters by a value with a way back', async () => {
  await open('&span=0000000000000003')
  await page.getByRole('region', { name: 'Statement' }).getByText('where').waitFor()
  await page.getByRole('row', { name: 'cart, render' }).click()
  await page.getByRole('tab', { name: 'Events' }).click()
  await page.getByText('2 frames of libraries').waitFor()
  await page.getByRole('tab', { name: 'Attributes' }).click()
  await page.getByRole('button', { name: 'Only traces with this needle.key' }).click()
  await page.waitForURL(/q=needle\.key/)
  await page.getByRole('button', { name: 'Undo' }).first().click()
  await page.waitForFunction(() => !new URL(location.href).searchParams.has('q'))
})

it('follows links both ways: from a consumer to the sender, and from there to who links to it', async () => {
  const [sender, consumer] = ['33333333000000000000000000000001', '33333333000000000000000000000002']
  const start = Date.now() - 20_000
  const at = (ms: number): string => `${start + ms}000000`
  const span = (traceId: string, spanId: string, name: string, from: number, links: object[]) => ({
    ...{ traceId, spanId, name, kind: 4, links },
    ...{ startTimeUnixNano: at(from), endTimeUnixNano: at(from + 5) },
  })
  const live = await followLive(host)
  const answer = await fetch(`${host.otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: texts({ 'service.name': 'mailer' }) },
          scopeSpans: [
            {
              spans: [
                span(sender, '00000000000000a1', 'publish mails', 0, []),
                span(consumer, '00000000000000a2', 'process mails', 9000, [
                  { traceId: sender, spanId: '00000000000000a1', attributes: texts({ 'messaging.system': 'kafka' }) },
                ]),
              ],
            },
          ],
        },
      ],
    }),
  })
  expect(answer.status).toBe(200)
  await live.wait(({ type, data }) => type === 'traces' && data.items.some((item) => item.traceId === consumer))
  live.close()
  await page.goto(`${host.api}/traces/${consumer}?range=1h&tab=links`)
  const detail = page.getByRole('complementary', { name: 'process mails' })
  await detail.getByText('messaging.system').waitFor()
  await detail.getByRole('link', { name: '33333333 · 00000000000000a1' }).click()
  const other = page.getByRole('complementary', { name: 'publish mails' })
  await other.getByRole('tab', { name: 'Links' }).click()
  await other.getByText('This span links to none').waitFor()
  await other.getByRole('link', { name: 'process mails' }).click()
  await page.waitForURL(`**/traces/${consumer}**`)
  await detail.getByRole('tab', { name: 'Links' }).click()
  await detail.getByText('1 link to another span').waitFor()
}, 60_000)

it('compares with the typical trace', async () => {
  await page.goto(`${host.api}/traces/${SLOW}?range=1h&view=compare&full=1`)
  await page.getByText(`${QUERIES} calls against 1`).waitFor()
  await page.getByText('×40').waitFor()
})

it('shows under the waterfall what machine and process of the span were doing, and how to get what is not there', async () => {
  await open()
  const strip = page.getByRole('region', { name: 'Machine and process during the trace' })
  const lane = (name: string) => strip.locator('.lane', { hasText: name })
  await lane('CPU, machine').getByText('90 %').waitFor()
  await lane('Memory, machine').getByText('75 %').waitFor()
  await lane('Event loop delay').getByText('42.0 ms').waitFor()
  await lane('Garbage collection').getByText('5 %').waitFor()
  await strip.getByText('sampled every 10.0 s').waitFor()
  // Another process of the same machine reports nothing of itself.
  await press('j')
  await strip.getByText('No runtime metrics of cart').waitFor()
  await lane('CPU, machine').getByText('90 %').waitFor()
  expect(await lane('Event loop delay').count()).toBe(0)
  await strip.getByRole('button', { name: 'Machine' }).click()
  await lane('CPU, machine').waitFor({ state: 'detached' })
  await strip.getByRole('button', { name: 'Machine' }).click()
  await strip.getByRole('link', { name: 'Open in System' }).click()
  await page.waitForURL(/\/system\?.*host=web-1/)
})

it('takes in spans that come late while the trace is read: their parent is found, the selected span stays', async () => {
  const late = '22222222000000000000000000000001'
  const [gateway, cart] = shopTrace(late, 2)
  const send = async (part: Record<string, unknown>): Promise<void> => {
    const body = Buffer.from(encodeTraces([part]))
    const headers = { 'content-type': 'application/x-protobuf' }
    const answer = await fetch(`${host.otlp}/v1/traces`, { method: 'POST', headers, body })
    expect(answer.status).toBe(200)
  }
  await send(cart)
  await page.goto(`${host.api}/traces/${late}?range=1h&span=0000000000000003`)
  await page.getByText('2 spans have a parent that never arrived').waitFor()
  await page.getByRole('row', { selected: true, name: /db\.query/ }).waitFor()
  await send(gateway)
  await page.getByRole('row', { name: 'gateway, POST /cart' }).waitFor()
  await page.getByText('1 span has a parent that never arrived').waitFor()
  await page.getByRole('row', { selected: true, name: /db\.query/ }).waitFor()
})

it('says that a trace does not exist', async () => {
  await page.goto(`${host.api}/traces/${'12'.repeat(16)}?range=1h`)
  await page.getByRole('alert').filter({ hasText: 'No such trace' }).waitFor()
})

it('has no serious accessibility fault in its views, in both themes and languages', async () => {
  const found: string[] = []
  for (const [colorScheme, locale, views] of [
    [
      'light',
      'en-US',
      ['waterfall', 'waterfall&tab=links', 'flame', 'operations', 'services', 'logs', 'compare', 'table'],
    ],
    ['dark', 'zh-CN', ['waterfall', 'compare']],
  ] as const) {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme, locale })
    const own = await context.newPage()
    await own.goto(`${host.api}/#token=${host.token}`)
    for (const view of views) {
      await own.goto(`${host.api}/traces/${SLOW}?range=1h&view=${view}`)
      await own.locator('.inspector [role="tabpanel"]').first().waitFor()
      await own.waitForFunction(() => (window as { glassboxIdle?: () => boolean }).glassboxIdle?.())
      const { violations } = await new AxeBuilder({ page: own })
        .include('.inspector')
        .withTags(['wcag2a', 'wcag2aa', 'wcag22aa'])
        .analyze()
      for (const one of violations)
        if (one.impact === 'serious' || one.impact === 'critical')
          found.push(`${view} ${colorScheme} ${one.id}: ${one.nodes[0]?.html.slice(0, 200)}`)
    }
    await context.close()
  }
  expect(found).toEqual([])
}, 120_000)

it('made no error on the way', () => {
  expect(problems).toEqual([])
})
