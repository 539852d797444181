import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Trace } from '../../../core/model/records.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { send } from '../../unit/receivers/raw-http.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host.stop())

const SPAN = '"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"deep"'
const asJson = (value: string) =>
  `{"resourceSpans":[{"scopeSpans":[{"spans":[{${SPAN},"attributes":[{"key":"a","value":${value}}]}]}]}]}`
const around = (depth: number, open: string, close: string) =>
  [open.repeat(depth), '{"boolValue":true}', close.repeat(depth)].join('')
const arrays = (depth: number) => around(depth, '{"arrayValue":{"values":[', ']}}')
const maps = (depth: number) => around(depth, '{"kvlistValue":{"values":[{"key":"k","value":', '}]}}')

function varint(value: number): number[] {
  const out: number[] = []
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...out, rest]
    out.push((rest % 128) | 128)
  }
}

/** A field around what `parts` hold, built from the inside out in reverse order to stay linear. */
function wrapped(depth: number, tags: number[]): Uint8Array {
  const reversed: number[] = [1, 0x10]
  for (let i = 0; i < depth; i++) for (const tag of tags) reversed.push(...[tag, ...varint(reversed.length)].reverse())
  return Uint8Array.from(reversed.reverse())
}

/** ResourceSpans > ScopeSpans > Span > attribute > value of `depth` arrays (or key-value lists). */
function asProtobuf(depth: number, inner: number[]): Uint8Array {
  const wrap = (tag: number, bytes: Uint8Array) => Buffer.concat([Buffer.from([tag, ...varint(bytes.length)]), bytes])
  const key = Buffer.from([0x0a, 1, 0x61])
  const attribute = Buffer.concat([key, wrap(0x12, wrapped(depth, inner))])
  const ids = Buffer.concat([Buffer.from([0x0a, 16]), Buffer.alloc(16, 7), Buffer.from([0x12, 8]), Buffer.alloc(8, 7)])
  return wrap(0x0a, wrap(0x12, wrap(0x12, Buffer.concat([ids, wrap(0x4a, attribute)]))))
}

const json = { 'content-type': 'application/json' }
const protobuf = { 'content-type': 'application/x-protobuf' }
const cases: [string, Record<string, string>, () => Uint8Array | string, number][] = [
  ['10 lists in JSON', json, () => asJson(arrays(10)), 200],
  ['100 lists in JSON', json, () => asJson(arrays(100)), 200],
  ['1,000 maps in JSON', json, () => asJson(maps(1000)), 200],
  ['100,000 lists in JSON', json, () => asJson(arrays(100_000)), 200],
  ['1,000,000 brackets', json, () => '['.repeat(1_000_000) + ']'.repeat(1_000_000), 200],
  ['1,000,000 brackets never closed', json, () => '['.repeat(1_000_000), 400],
  ['10 lists in protobuf', protobuf, () => asProtobuf(10, [0x0a, 0x2a]), 200],
  ['100 lists in protobuf', protobuf, () => asProtobuf(100, [0x0a, 0x2a]), 200],
  ['1,000 maps in protobuf', protobuf, () => asProtobuf(1000, [0x12, 0x0a, 0x32]), 200],
  ['10,000 lists in protobuf', protobuf, () => asProtobuf(10_000, [0x0a, 0x2a]), 200],
  ['21,000 groups', protobuf, () => Buffer.alloc(21_000, 0x7b), 400],
  [
    '100,000 closed groups',
    protobuf,
    () => Buffer.concat([Buffer.alloc(100_000, 0x7b), Buffer.alloc(100_000, 0x7c)]),
    400,
  ],
]

it.each(cases)('%s', async (_name, headers, body, expected) => {
  const answer = await send(host.otlp, '/v1/traces', { headers, body: body() })
  expect([answer.status, answer.body.toString().slice(0, 300)]).toEqual([expected, expect.any(String)])
  expect((await fetch(`${host.api}/healthz`)).status).toBe(200)
})

it('what is nested deeper is cut and says so', async () => {
  const traceId = '11111111111111111111111111111111'
  const body = asJson(arrays(500)).replace('0af7651916cd43dd8448eb211c80319c', traceId)
  expect((await send(host.otlp, '/v1/traces', { headers: json, body })).status).toBe(200)
  let found: Trace | null = null
  while (!found) found = await host.get<Trace>(`/api/traces/${traceId}`).catch(() => null)
  expect(JSON.stringify(found.spans[0].attributes)).toContain('cut: nested deeper than')
})
