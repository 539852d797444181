import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PipelineAnswer } from '../../../core/api/contract/shapes.ts'
import type { AnyValue, Trace } from '../../../core/model/records.ts'
import { encodeTraces } from '../../fixtures/otlp-protobuf.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send } from '../../unit/receivers/raw-http.ts'

let host: RunningHost
let nextTrace = 1
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host.stop())

const startTimeUnixNano = `${Date.now()}000000`
const newTraceId = () => (nextTrace++).toString(16).padStart(32, 'a')
const spanId = (n: number) => n.toString(16).padStart(16, '0')
const span = (traceId: string, n: number, more: object = {}) => ({
  traceId,
  spanId: spanId(n),
  name: 'GET /',
  kind: 2,
  startTimeUnixNano,
  endTimeUnixNano: startTimeUnixNano,
  ...more,
})

type Encoding = 'json' | 'protobuf'
async function post(spans: object[], encoding: Encoding): Promise<{ status: number; body: Buffer }> {
  const resourceSpans = [{ resource: {}, scopeSpans: [{ scope: {}, spans }] }]
  return encoding === 'json'
    ? send(host.otlp, '/v1/traces', {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ resourceSpans }),
      })
    : send(host.otlp, '/v1/traces', {
        headers: { 'content-type': 'application/x-protobuf' },
        body: encodeTraces(resourceSpans as never),
      })
}
async function trace(traceId: string, spans = 1): Promise<Trace> {
  for (;;) {
    const found = await host.get<Trace>(`/api/traces/${traceId}`).catch(() => null)
    if (found && found.spans.length >= spans) return found
  }
}

const text = (stringValue: string): AnyValue => ({ stringValue })
/** What is sent, and what must come back when that is not the same. */
const values: [string, AnyValue, AnyValue?][] = [
  ['the smallest int64', { intValue: '-9223372036854775808' }],
  ['the largest int64', { intValue: '9223372036854775807' }],
  ['2^53 + 1', { intValue: '9007199254740993' }],
  ['NaN', { doubleValue: 'NaN' }],
  ['infinity', { doubleValue: 'Infinity' }],
  ['minus infinity', { doubleValue: '-Infinity' }],
  ['an empty text', text('')],
  ['an empty list', { arrayValue: { values: [] } }],
  ['an empty map', { kvlistValue: { values: [] } }],
  ['right-to-left override', text('\u202etxt.exe')],
  ['terminal codes', text('\u001b[31mred\u001b[0m')],
  ['markup', text('<img src=x onerror=alert(1)>')],
  ['a formula', text('=cmd()')],
  ['backslashes of COPY', text('\\.\n\\N')],
  ['emoji and CJK', text('👩‍👩‍👧 观测')],
  ['a mark of byte order first', text('\ufeffbold'), text('\ufeffbold')],
  ['NUL', text('a\u0000b'), text('ab')],
  ['bytes', { bytesValue: 'AP8Q' }],
  ['a list of everything', { arrayValue: { values: [text('a'), { boolValue: false }, { doubleValue: 1.5 }, {}] } }],
]
const keys = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'a.b.c',
  'with "quotes"',
  'with space',
  '键',
  '',
]

describe.each<Encoding>(['json', 'protobuf'])('sent as %s', (encoding) => {
  it.each(values)('%s comes back as it was sent', async (_name, sent, wanted = sent) => {
    const traceId = newTraceId()
    expect((await post([span(traceId, 1, { attributes: [{ key: 'v', value: sent }] })], encoding)).status).toBe(200)
    const found = await trace(traceId)
    expect(found.spans[0].attributes).toEqual([{ key: 'v', value: wanted }])
  })

  it('keys that are names of JavaScript are names', async () => {
    const traceId = newTraceId()
    const attributes = keys.map((key, i) => ({ key, value: text(`v${i}`) }))
    await post([span(traceId, 1, { attributes })], encoding)
    const found = await trace(traceId)
    expect(new Map(found.spans[0].attributes.map(({ key, value }) => [key, value]))).toEqual(
      new Map(attributes.map(({ key, value }) => [key, value])),
    )
    expect(({} as Record<string, unknown>).v0).toBeUndefined()
  })

  it('zero ids, repeated spans and parents in a circle cost nobody else anything', async () => {
    const traceId = newTraceId()
    const spans = [
      span('0'.repeat(32), 1),
      span(traceId, 0),
      span(traceId, 1, { parentSpanId: spanId(3) }),
      span(traceId, 2, { parentSpanId: spanId(1) }),
      span(traceId, 3, { parentSpanId: spanId(2) }),
      span(traceId, 4, { parentSpanId: spanId(4) }),
      span(traceId, 2, { parentSpanId: spanId(1) }),
      span(traceId, 5, { endTimeUnixNano: '1' }),
      span(traceId, 6, { startTimeUnixNano: '18446744073709551615', endTimeUnixNano: '18446744073709551615' }),
    ]
    const answer = await post(spans, encoding)
    expect(answer.status).toBe(200)
    const found = await trace(traceId, 6)
    expect(found.spans.map((one) => one.spanId).sort()).toEqual([1, 2, 3, 4, 5, 6].map(spanId))
  })
})

it('lone surrogates become the replacement character', async () => {
  const traceId = newTraceId()
  const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span(traceId, 1)] }] }] })
  const lone = body.replace('"GET /"', '"GET \\ud800"')
  await send(host.otlp, '/v1/traces', { headers: { 'content-type': 'application/json' }, body: lone })
  expect((await trace(traceId)).spans[0].name).toBe('GET \ufffd')
})

it('10 MB of one attribute are cut and marked, 10,000 attributes are kept', async () => {
  const large = newTraceId()
  await post([span(large, 1, { attributes: [{ key: 'body', value: text('x'.repeat(10_000_000)) }] })], 'json')
  const [{ value }] = (await trace(large)).spans[0].attributes
  expect((value as { stringValue: string }).stringValue).toMatch(/^x{4096}…\[cut 9995904 bytes\]$/)

  const many = newTraceId()
  const attributes = Array.from({ length: 10_000 }, (_, i) => ({ key: `key.${i}`, value: { intValue: String(i) } }))
  await post([span(many, 1, { attributes })], 'json')
  expect((await trace(many)).spans[0].attributes).toHaveLength(10_000)
})

it('afterwards the books are whole', async () => {
  let books = await host.get<PipelineAnswer>('/api/pipeline')
  while (books.traces.waiting > 0) books = await host.get<PipelineAnswer>('/api/pipeline')
  const { received, stored, rejected, dropped } = books.traces
  const sum = (reasons: Record<string, number>) => Object.values(reasons).reduce((total, n) => total + n, 0)
  expect(stored + sum(rejected) + sum(dropped)).toBe(received)
  expect(rejected).toEqual({ invalid_trace_id: 2, invalid_span_id: 2 })
  expect(dropped).toEqual({ duplicate: 2 })
})
