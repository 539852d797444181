import { readFileSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { type ListSpan, sendAll, traceIdOf } from '../fixtures/list-data.ts'
import { launchBrowser, openPage, pageIdle } from '../fixtures/page-browser.ts'
import type { RunningHost } from '../fixtures/running-host.ts'

/** What a person reads of one span and takes away from a trace. */
let host: RunningHost
let browser: Browser
let page: Page
const problems: string[] = []
const TRACE = traceIdOf(1)
const spanId = (span: number): string => span.toString(16).padStart(16, '0')

const chat = (role: string, content: string): object => ({ role, parts: [{ type: 'text', content }] })

beforeAll(async () => {
  host = await startJourneyHost()
  const own = { trace: 1, ago: 60_000 }
  const spans: ListSpan[] = [
    {
      ...{ ...own, span: 1, service: 'shop', name: 'POST /assistant', ms: 900 },
      attributes: {
        'http.request.method': 'POST',
        'url.full': 'https://shop.example/assistant',
        'http.request.header.authorization': 'Bearer abc',
        'http.request.header.x-api-token': 'abc',
        'http.request.header.accept': 'text/html',
        'http.request.body.content': `{"card":"4111","password":"hunter2","note":"${'long '.repeat(2000)}"}`,
        'http.response.status_code': 200,
        'http.response.body.content': '<b>done</b>',
      },
    },
    {
      ...{ ...own, span: 2, parent: 1, service: 'shop', name: 'SELECT orders', kind: 3, ms: 40 },
      attributes: {
        'db.system.name': 'postgresql',
        'db.query.text': 'select id, total from orders where customer = $1 and total > $2 order by id',
        'db.query.parameter.0': 'c-17',
        'db.query.parameter.1': '100',
        'db.response.returned_rows': 3,
      },
    },
    {
      ...{ ...own, span: 3, parent: 1, service: 'agent', name: 'chat small-2', kind: 3, ms: 400 },
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'example',
        'gen_ai.request.model': 'small-2',
        'gen_ai.input.messages': JSON.stringify([chat('user', 'find <script>window.pwned=1</script> a blue mug')]),
        'gen_ai.output.messages': JSON.stringify([
          {
            role: 'assistant',
            parts: [{ type: 'tool_call', name: 'search_products', arguments: { query: 'blue mug' } }],
          },
        ]),
        'gen_ai.usage.input_tokens': 812,
        'gen_ai.usage.output_tokens': 31,
        'gen_ai.usage.cost': '0.0042',
      },
    },
    { ...own, span: 4, parent: 1, service: 'mailer', name: 'send later', kind: 5, ms: 2500 },
    // Its machine's clock is 300 ms behind: it would begin before the request that called it.
    { ...own, span: 5, parent: 1, service: 'stock', name: 'GET /stock', ago: 60_300, ms: 20 },
  ]
  await sendAll(host, spans, [])
  browser = await launchBrowser()
  page = await openPage(browser, host, '/traces?range=1h')
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  page.on('pageerror', (error) => problems.push(error.message))
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
})

const detail = () => page.locator('.inspector .detail')
async function open(span: number, tab = ''): Promise<void> {
  await page.goto(`${host.api}/traces/${TRACE}?range=1h&span=${spanId(span)}${tab && `&tab=${tab}`}`)
  await detail().getByRole('tab').first().waitFor()
  await pageIdle(page)
}

it('reads requests and responses, says what was removed, masked and cut, and gives the rest as cURL', async () => {
  await open(1, 'request')
  await detail().getByText('POST https://shop.example/assistant').waitFor()
  await detail().getByText('removed before storage').first().waitFor()
  await detail()
    .getByText(/cut at [\d.]+ KiB of [\d.]+ KiB · 1 value masked/)
    .waitFor()
  expect(await detail().textContent()).not.toContain('hunter2')
  await detail().getByRole('tab', { name: 'Response' }).click()
  await detail().getByText('<b>done</b>').waitFor()
  await detail().getByRole('button', { name: 'cURL' }).click()
  const command = await page.evaluate(() => navigator.clipboard.readText())
  expect(command).toMatch(/^curl -X POST 'https:\/\/shop\.example\/assistant' .*-H 'accept: text\/html'/)
  expect(command).not.toContain('Bearer')
})

it('formats a statement and lists its parameters', async () => {
  await open(2)
  const statement = detail().getByRole('region', { name: 'Statement' })
  await statement.waitFor()
  expect((await statement.locator('pre, code').first().innerText()).split('\n').length).toBeGreaterThan(3)
  await detail().getByText('c-17').waitFor()
  await detail().getByRole('tab', { name: 'Response' }).click()
  await detail().getByText('db.response.returned_rows').waitFor()
})

it('reads prompt, tool call, tokens and cost of a model, as text', async () => {
  await open(3)
  await detail().getByText('<script>window.pwned=1</script> a blue mug').waitFor()
  await detail().getByRole('tab', { name: 'Response' }).click()
  await detail().getByText('search_products').waitFor()
  await detail().getByText('{"query":"blue mug"}').waitFor()
  for (const text of ['812', '31', '0.0042']) await detail().getByText(text, { exact: true }).waitFor()
  expect(await page.evaluate(() => 'pwned' in window)).toBe(false)
})

it('draws a span that outlives its parent truly, and says what it did about clocks, which can be undone', async () => {
  await open(4)
  await page.getByRole('row', { name: /mailer, send later, 2.50 s.*outlives its parent/ }).waitFor()
  await detail().getByText('outlives its parent').first().waitFor()
  const notice = page.getByRole('status').filter({ hasText: 'The clock of stock was' })
  await notice.getByText('1 span is drawn moved; its own times are kept.').waitFor()
  await notice.getByRole('button', { name: 'Draw as sent' }).click()
  await page.getByText('All spans are drawn as they were sent.').waitFor()
  await page.getByRole('button', { name: 'Correct the clocks' }).click()
  await notice.waitFor()
})

it('leaves as a link, as Markdown and as a file of three formats', async () => {
  await open(1)
  await page.keyboard.press('c')
  await page.waitForFunction(() => navigator.clipboard.readText().then((text) => text.includes('start=')))
  const link = new URL(await page.evaluate(() => navigator.clipboard.readText()))
  expect(link.pathname).toBe(`/traces/${TRACE}`)
  expect(link.searchParams.has('range')).toBe(false)
  await page.keyboard.press('Shift+c')
  await page.waitForFunction(() => navigator.clipboard.readText().then((text) => text.includes('POST /assistant')))
  for (const [format, words] of [
    ['OTLP', 'resourceSpans'],
    ['Jaeger', 'traceID'],
    ['Zipkin', 'localEndpoint'],
  ] as const) {
    await page.getByRole('button', { name: 'Export and share' }).click()
    const item = page.getByRole('menuitem', { name: new RegExp(format) })
    await item.waitFor()
    await pageIdle(page)
    const [download] = await Promise.all([page.waitForEvent('download'), item.click()])
    expect(readFileSync((await download.path()) as string, 'utf8')).toContain(words)
  }
  expect(problems).toEqual([])
})
