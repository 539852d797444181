import { expect, it } from 'vitest'
import { GlassboxError } from '../../core/base/errors.ts'
import { decodeJaegerJson } from '../../core/formats/jaeger/decode.ts'
import { decodeLogsJson, decodeTracesJson } from '../../core/formats/otlp/decode-json.ts'
import { decodeLogsProtobuf, decodeTracesProtobuf } from '../../core/formats/otlp/decode-protobuf.ts'
import { decodeZipkinJson } from '../../core/formats/zipkin/decode.ts'
import { seededRandom } from '../demo/shop.ts'
import { encodeLogs, encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../fixtures/random-spans.ts'

const INPUTS = process.env.GLASSBOX_LONG ? Number(process.env.GLASSBOX_ROUNDS ?? 1_000_000) : 20_000
const spans = randomResourceSpans(6, 10, 1, 1_790_000_000_000)
const logs = [
  {
    resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
    scopeLogs: [
      {
        logRecords: [
          {
            timeUnixNano: '1790000000000000000',
            severityNumber: 9,
            body: { kvlistValue: { values: [{ key: 'a', value: { intValue: '1' } }] } },
          },
        ],
      },
    ],
  },
]
const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const corpus: [(bytes: Uint8Array, receivedUs: number) => unknown, Uint8Array][] = [
  [decodeTracesProtobuf, encodeTraces(spans)],
  [decodeLogsProtobuf, encodeLogs(logs)],
  [decodeTracesJson, json({ resourceSpans: spans })],
  [decodeLogsJson, json({ resourceLogs: logs })],
  [
    decodeZipkinJson,
    json([{ traceId: '1'.repeat(32), id: '2'.repeat(16), timestamp: 1, duration: 2, tags: { a: 'b' } }]),
  ],
  [
    decodeJaegerJson,
    json({
      data: [
        {
          traceID: 'a1',
          spans: [
            {
              traceID: 'a1',
              spanID: 'b1',
              operationName: 'x',
              references: [{ refType: 'CHILD_OF', traceID: 'a1', spanID: 'b2' }],
              startTime: 1_790_000_000_000_000,
              duration: 5,
              tags: [{ key: 'glassbox.otlp', type: 'string', value: '{"startNs":"1790000000000000123","kind":2}' }],
              logs: [{ timestamp: 1_790_000_000_000_001, fields: [{ key: 'event', type: 'string', value: 'e' }] }],
              processID: 'p1',
            },
          ],
          processes: { p1: { serviceName: 's', tags: [{ key: 'n', type: 'int64', value: '9223372036854775807' }] } },
        },
      ],
    }),
  ],
]

it(`decodes or refuses ${INPUTS} damaged bodies`, () => {
  const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
  const random = seededRandom(seed)
  let refused = 0
  for (let i = 0; i < INPUTS; i++) {
    const [decode, good] = corpus[i % corpus.length]
    const bytes = Uint8Array.from(random() < 0.2 ? good.subarray(0, Math.floor(random() * good.length)) : good)
    for (let hits = 1 + Math.floor(random() * 4); hits > 0; hits--)
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
    try {
      decode(bytes, 1_790_000_000_000_000)
    } catch (error) {
      if (!(error instanceof GlassboxError))
        throw new Error(`seed ${seed}, input ${i}: ${Buffer.from(bytes).toString('base64')}`, { cause: error })
      refused++
    }
  }
  process.stdout.write(`${JSON.stringify({ id: 23, seed, n: INPUTS, refused })}\n`)
  expect(refused).toBeGreaterThan(INPUTS / 20)
}, 3_600_000)

it('says at which byte a cut protobuf body ends', () => {
  const whole = encodeTraces(spans)
  expect(decodeTracesProtobuf(whole, 0).batch.n).toBe(6)
  expect(() => decodeTracesProtobuf(whole.subarray(0, whole.length - 3), 0)).toThrow(/at byte \d+/)
})
