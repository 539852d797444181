import { request } from 'node:http'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchBrowser } from '../../fixtures/page-browser.ts'
import { followLive, type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

const LONG = Boolean(process.env.GLASSBOX_LONG)
const TRACE_ID = '5b8efff798038103d269b633813fc60c'

let host: RunningHost
let browser: Browser

const code = 'window.__pwned=1'
const basic = [
  `<script>${code}</script>`,
  `<img src=x onerror="${code}">`,
  `<svg onload="${code}">`,
  `"><img src=x onerror=${code}>`,
  `'><svg/onload=${code}>`,
  `javascript:${code}`,
  `JaVaScRiPt:${code}//`,
  `data:text/html,<script>${code}</script>`,
  `</script><script>${code}</script>`,
  `</title><script>${code}</script>`,
  `</style><img src=x onerror=${code}>`,
  `<iframe srcdoc="<script>parent.${code}</script>">`,
  `<a href="javascript:${code}">click</a>`,
  `<details open ontoggle=${code}>`,
  `{{constructor.constructor('${code}')()}}`,
  `\${${code}}`,
  `[click](javascript:${code})`,
  `http://x.example/"onmouseover="${code}`,
  `<math><mtext><table><mglyph><style><img src=x onerror=${code}>`,
  `<img src="http://outside.example/beacon.png">`,
]
const wrappers = [
  (text: string) => text,
  (text: string) => `\u202e${text}`,
  (text: string) => text.toUpperCase().replaceAll('WINDOW.__PWNED', 'window.__pwned'),
  (text: string) => `\u0000${text}`,
  (text: string) => `GET /cart ${text} ok`,
  (text: string) => `<!--${text}-->`,
  (text: string) => `{"html":${JSON.stringify(text)}}`,
  (text: string) => `Error: ${text}\n    at ${text} (http://h/${text}:1:2)`,
  (text: string) => encodeURIComponent(text),
  (text: string) => `\u001b[31m${text}\u001b[0m`,
  (text: string) => `https://h.example/?q=${text}`,
  (text: string) => `${text}${text}`,
  (text: string) => `\ufeff${text}`,
  (text: string) => text.replaceAll('<', '<\n'),
  (text: string) => `select '${text}'`,
]
const payloads = (LONG ? wrappers : wrappers.slice(0, 1)).flatMap((wrap) => basic.map(wrap))

beforeAll(async () => {
  host = await startTestHost({}, fileURLToPath(new URL('../../../out/renderer', import.meta.url)))
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

const text = (stringValue: string) => ({ stringValue })
const attributesOf = (payload: string) => [
  { key: payload, value: text(payload) },
  { key: 'url.full', value: text(payload) },
  { key: 'http.route', value: text(payload) },
  { key: 'db.query.text', value: text(payload) },
  { key: 'messaging.destination.name', value: text(payload) },
  { key: 'gen_ai.input.messages', value: text(payload) },
  { key: 'exception.stacktrace', value: text(payload) },
  { key: 'nested', value: { kvlistValue: { values: [{ key: payload, value: text(payload) }] } } },
]

/** Every text field of traces and logs, one span and one record a payload. */
async function sendAll(): Promise<void> {
  const now = Date.now()
  const at = (ms: number) => `${now + ms}000000`
  const id = (n: number) => n.toString(16).padStart(16, '0')
  const resource = (payload: string) => ({
    attributes: [{ key: 'service.name', value: text(payload) }, ...attributesOf(payload)],
  })
  const scope = (payload: string) => ({ name: payload, version: payload, attributes: attributesOf(payload) })
  const resourceSpans = payloads.map((payload, i) => ({
    resource: resource(payload),
    schemaUrl: payload,
    scopeSpans: [
      {
        scope: scope(payload),
        schemaUrl: payload,
        spans: [
          {
            traceId: TRACE_ID,
            spanId: id(i + 1),
            parentSpanId: i === 0 ? '' : id(1),
            traceState: payload,
            name: payload,
            kind: 2 + (i % 4),
            startTimeUnixNano: at(-1000),
            endTimeUnixNano: at(-500 + i),
            status: { code: 2, message: payload },
            attributes: attributesOf(payload),
            events: [
              { timeUnixNano: at(-900), name: payload, attributes: attributesOf(payload) },
              {
                timeUnixNano: at(-800),
                name: 'exception',
                attributes: ['type', 'message', 'stacktrace'].map((part) => ({
                  key: `exception.${part}`,
                  value: text(payload),
                })),
              },
            ],
            links: [
              {
                traceId: 'a'.repeat(32),
                spanId: 'b'.repeat(16),
                traceState: payload,
                attributes: attributesOf(payload),
              },
            ],
          },
        ],
      },
    ],
  }))
  const resourceLogs = payloads.map((payload, i) => ({
    resource: resource(payload),
    scopeLogs: [
      {
        scope: scope(payload),
        logRecords: [
          {
            timeUnixNano: at(-700 + i),
            severityNumber: 17,
            severityText: payload,
            eventName: payload,
            body: i % 2 === 0 ? text(payload) : { kvlistValue: { values: [{ key: payload, value: text(payload) }] } },
            traceId: TRACE_ID,
            spanId: id(i + 1),
            attributes: attributesOf(payload),
          },
        ],
      },
    ],
  }))
  const live = await followLive(host)
  for (const [path, body] of [
    ['/v1/traces', { resourceSpans }],
    ['/v1/logs', { resourceLogs }],
  ] as const) {
    const answer = await fetch(host.otlp + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect([answer.status, await answer.text()]).toEqual([200, '{}'])
  }
  await live.wait(
    (message) =>
      message.type === 'status' &&
      message.data.storage.spans === payloads.length &&
      message.data.storage.logs === payloads.length,
  )
  live.close()
}

/** What senders can make the intake doctor say: names, paths, origins, content types, faults in bodies. */
async function misbehave(payload: string): Promise<void> {
  const header = payload.replace(/[^\x21-\x7e]/g, '')
  const ask = (path: string, headers: Record<string, string>, body: string) =>
    new Promise<void>((resolve) => {
      const call = request(new URL(path, host.otlp), { method: 'POST', headers }, (answer) => {
        answer.resume()
        answer.on('end', resolve)
      })
      call.on('error', () => resolve())
      call.end(body)
    })
  await ask('/v1/traces', { origin: header }, '')
  await ask('/v1/traces', { host: header }, '')
  await ask('/v1/traces', { 'content-type': header }, '')
  await ask(`/${encodeURI(payload)}`, {}, '')
  await ask('/v1/traces', { 'content-type': 'application/json' }, `{"a": ${payload}`)
}

interface Watch {
  page: Page
  problems: string[]
}

async function watchedPage(locale: string): Promise<Watch> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 1000 }, locale })
  const problems: string[] = []
  const own = new URL(host.api).host
  page.on('request', (call) => {
    const url = new URL(call.url())
    if (!['data:', 'blob:'].includes(url.protocol) && url.host !== own) problems.push(`request to ${call.url()}`)
  })
  page.on('console', (message) => {
    if (/content security policy|trusted type/i.test(message.text())) problems.push(message.text())
  })
  page.on('dialog', (dialog) => {
    problems.push(`dialog ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('framenavigated', (frame) => {
    if (frame !== page.mainFrame()) problems.push(`frame ${frame.url()}`)
  })
  return { page, problems }
}

async function inspect({ page, problems }: Watch, view: string): Promise<void> {
  expect([view, await page.evaluate(() => '__pwned' in window)]).toEqual([view, false])
  const bad = await page.evaluate(
    () =>
      document.querySelectorAll(
        'a[href^="javascript:" i], a[href^="data:" i], iframe, img[src="x"], [onerror], [onload]',
      ).length,
  )
  expect([view, bad]).toEqual([view, 0])
  expect([view, problems]).toEqual([view, []])
}

const inspectorViews = ['', 'logs', 'spans', 'services', 'operations', 'flame', 'json', 'compare']

it(`shows ${payloads.length} payloads in every field of every screen as text`, async () => {
  await sendAll()
  for (const payload of basic) await misbehave(payload)
  const watch = await watchedPage('en-US')
  const { page } = watch
  await page.goto(`${host.api}/traces?range=1h#token=${host.token}`)
  await page.locator('h1').first().waitFor()
  await page.getByText('__pwned', { exact: false }).first().waitFor()
  await inspect(watch, 'traces')

  for (const path of ['/logs', '/map', '/connect', '/settings', '/settings/intake', '/settings/about']) {
    await page.goto(`${host.api}${path}?range=1h`)
    await page.locator('h1').first().waitFor()
    await page.waitForLoadState('networkidle')
    await inspect(watch, path)
  }
  for (const view of inspectorViews) {
    await page.goto(`${host.api}/traces/${TRACE_ID}?range=1h&full=1&view=${view}&span=0000000000000002`)
    await page.getByText('__pwned', { exact: false }).first().waitFor()
    await page.waitForLoadState('networkidle')
    // Everything that shows more when it is pointed at.
    for (const spot of (await page.locator('button:visible, [title]:visible').all()).slice(0, LONG ? 60 : 6))
      await spot.hover({ timeout: 200, force: true }).catch(() => undefined)
    await inspect(watch, `inspector ${view}`)
  }
  // The address, too, is text that others can send: links to a screen with a payload in each parameter.
  for (const name of ['q', 'service', 'operation', 'span', 'view', 'sel', 'find', 'cmp']) {
    for (const payload of basic.slice(0, LONG ? 20 : 1)) {
      await page.goto(`${host.api}/traces?range=1h&${name}=${encodeURIComponent(payload)}`)
      await page.locator('h1').first().waitFor()
    }
    await inspect(watch, `parameter ${name}`)
  }
  await page.close()
}, 600_000)

it('exports are files, never pages', async () => {
  for (const format of ['otlp', 'jaeger', 'zipkin']) {
    const answer = await fetch(`${host.api}/api/traces/${TRACE_ID}/export?format=${format}`, {
      headers: { authorization: `Bearer ${host.token}` },
    })
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment/)
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  }
})
