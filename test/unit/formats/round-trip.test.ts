import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { exportTrace } from '../../../core/formats/export-trace.ts'
import { decodeJaegerJson } from '../../../core/formats/jaeger/decode.ts'
import { decodeTracesJson } from '../../../core/formats/otlp/decode-json.ts'
import { decodeTracesProtobuf } from '../../../core/formats/otlp/decode-protobuf.ts'
import { decodeZipkinJson } from '../../../core/formats/zipkin/decode.ts'
import type { Decoded, SpanBatch } from '../../../core/model/columns.ts'
import { resourceSpansOfOneTrace } from '../../fixtures/otlp-arbitrary.ts'
import { encodeTraces } from '../../fixtures/otlp-protobuf.ts'
import { meaningOf, traceOfBatch } from '../../fixtures/trace-of-batch.ts'

const NOW_US = 1_800_000_000_000_000
const RUNS = process.env.GLASSBOX_LONG ? 20_000 : 400
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const trace = ({ batch }: Decoded<SpanBatch>) => traceOfBatch(batch)

describe('one span, whichever way it came', () => {
  it('protobuf and JSON decode to the same text', () => {
    fc.assert(
      fc.property(resourceSpansOfOneTrace, (resourceSpans) => {
        const fromJson = decodeTracesJson(json({ resourceSpans }), NOW_US)
        const fromProtobuf = decodeTracesProtobuf(encodeTraces(resourceSpans), NOW_US)
        expect(fromProtobuf.rejected).toEqual([])
        expect(meaningOf(trace(fromProtobuf))).toEqual(meaningOf(trace(fromJson)))
      }),
      { numRuns: RUNS },
    )
  })

  it.each([
    ['otlp', decodeTracesJson],
    ['jaeger', decodeJaegerJson],
    ['zipkin', decodeZipkinJson],
  ] as const)('%s: what was exported comes back as it was', (format, decode) => {
    fc.assert(
      fc.property(resourceSpansOfOneTrace, (resourceSpans) => {
        const before = trace(decodeTracesJson(json({ resourceSpans }), NOW_US))
        const after = decode(json(exportTrace(before, format)), NOW_US)
        expect(after.rejected).toEqual([])
        const order = (spans: unknown[]) => spans.map((span) => JSON.stringify(span)).sort()
        expect(order(meaningOf(trace(after)))).toEqual(order(meaningOf(before)))
      }),
      { numRuns: RUNS },
    )
  })
})

const plain = {
  traceId: 'a'.repeat(32),
  spanId: 'b'.repeat(16),
  name: 'GET /',
  startTimeUnixNano: '1790000000000000123',
  endTimeUnixNano: '1790000000000001456',
}
const exported = (spans: unknown[], format: 'otlp' | 'jaeger' | 'zipkin') =>
  exportTrace(trace(decodeTracesJson(json({ resourceSpans: [{ scopeSpans: [{ spans }] }] }), NOW_US)), format)

describe('OTLP goes out as it came in', () => {
  it('one envelope a resource and a scope', () => {
    const scope = (name: string, id: string) => ({ scope: { name }, spans: [{ ...plain, spanId: id.repeat(16) }] })
    const cart = { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] }
    const body = {
      resourceSpans: [
        { resource: cart, scopeSpans: [scope('x', '1'), scope('y', '2')] },
        { resource: cart, scopeSpans: [scope('x', '3')] },
      ],
    }
    const out = exportTrace(trace(decodeTracesJson(json(body), NOW_US)), 'otlp') as typeof body
    expect(
      out.resourceSpans.map(({ scopeSpans }) => scopeSpans.map(({ spans }) => spans.map(({ spanId }) => spanId[0]))),
    ).toEqual([[['1', '3'], ['2']]])
  })

  it('unknown times stay unknown, ns stay ns', () => {
    const times = [
      ['1790000000000000123', '1790000000000001456'],
      ['0', '1790000000000001456'],
      ['1790000000000000123', '0'],
      ['0', '0'],
    ]
    const spans = times.map(([startTimeUnixNano, endTimeUnixNano], at) => ({
      ...plain,
      spanId: String(at + 1).repeat(16),
      startTimeUnixNano,
      endTimeUnixNano,
    }))
    for (const format of ['otlp', 'jaeger', 'zipkin'] as const) {
      const decode = { otlp: decodeTracesJson, jaeger: decodeJaegerJson, zipkin: decodeZipkinJson }[format]
      const again = exportTrace(trace(decode(json(exported(spans, format)), NOW_US)), 'otlp') as {
        resourceSpans: { scopeSpans: { spans: typeof spans }[] }[]
      }
      const found = again.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans))
      const byId = found.sort((a, b) => a.spanId.localeCompare(b.spanId))
      expect(
        byId.map((span) => [span.startTimeUnixNano, span.endTimeUnixNano]),
        format,
      ).toEqual(times)
    }
  })
})

describe('Jaeger and Zipkin', () => {
  it('reference types of links survive, and a link never becomes a parent', () => {
    const reference = (refType: string, digit: string) => ({
      refType,
      traceID: digit.repeat(32),
      spanID: digit.repeat(16),
    })
    const span = {
      traceID: 'a'.repeat(32),
      spanID: 'b'.repeat(16),
      operationName: 'x',
      startTime: 1_790_000_000_000_000,
      duration: 1,
      references: [reference('CHILD_OF', 'c'), reference('FOLLOWS_FROM', 'd')],
    }
    const file = exportTrace(trace(decodeJaegerJson(json({ spans: [span], processes: {} }), NOW_US)), 'jaeger') as {
      data: { spans: { references: unknown[]; tags: { key: string }[] }[] }[]
    }
    expect(file.data[0].spans[0].references).toEqual(span.references)

    const root = { ...plain, links: [{ traceId: plain.traceId, spanId: 'c'.repeat(16) }] }
    const linked = { ...plain, spanId: 'c'.repeat(16) }
    const back = trace(decodeJaegerJson(json(exported([root, linked], 'jaeger')), NOW_US))
    expect(back.spans.map((item) => item.parentId)).toEqual([null, null])
  })

  it('a span that loses nothing carries no tag of ours, and a false tag changes nothing', () => {
    const whole = { ...plain, startTimeUnixNano: '1790000000000000000', endTimeUnixNano: '1790000000000005000' }
    const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] }
    const body = { resourceSpans: [{ resource, scopeSpans: [{ spans: [whole] }] }] }
    const before = trace(decodeTracesJson(json(body), NOW_US))
    for (const format of ['jaeger', 'zipkin'] as const)
      expect(JSON.stringify(exportTrace(before, format))).not.toContain('glassbox.otlp')
    for (const tag of [
      'x',
      '[]',
      '{"spanId":"zz","kind":99,"startNs":"-1","flags":"x","attributes":7,"marks":255}',
      '{"__proto__":{"kind":3}}',
      '{"traceId":"ff"}',
    ]) {
      const zipkin = [
        { traceId: 'a'.repeat(32), id: 'b'.repeat(16), timestamp: 5, duration: 1, tags: { 'glassbox.otlp': tag } },
      ]
      const [span] = trace(decodeZipkinJson(json(zipkin), NOW_US)).spans
      expect(span).toMatchObject({
        spanId: 'b'.repeat(16),
        kind: 'UNSPECIFIED',
        start: 5,
        dur: 1,
        attributes: [],
        flags: 0,
      })
    }
  })
})
