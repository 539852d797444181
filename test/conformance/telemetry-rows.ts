import { logsFromJson, tracesFromJson } from '../../core/formats/otlp/decode-json.ts'
import type { LogBatch, SpanBatch } from '../../core/model/columns.ts'
import type { LogQuery, TraceQuery } from '../../core/storage/store.ts'
import { seededRandom } from '../demo/shop.ts'

export const MS = 1000
/** Noon of a day long enough ago that nothing lies ahead, µs. */
export const T0 = Date.UTC(2026, 5, 15, 12) * MS

export interface SpanInput {
  trace: number
  span: number
  parent?: number
  service?: string
  name?: string
  kind?: number
  /** ms after T0. */
  at: number
  /** ms */
  dur?: number
  status?: number
  attributes?: Record<string, unknown>[]
  events?: { name: string; attributes: Record<string, unknown>[] }[]
  links?: { trace: number; span: number }[]
  resource?: Record<string, unknown>[]
}

const hex = (value: number, length: number): string => value.toString(16).padStart(length, '0')
export const traceId = (trace: number): string => hex(trace, 32)
const ns = (us: number): string => (BigInt(Math.round(us)) * 1000n).toString()

/** One batch; spans of a service share a resource. */
export function spanBatch(spans: SpanInput[], receivedUs = T0): SpanBatch {
  const body = {
    resourceSpans: spans.map(({ trace, span, parent, service = 'shop', resource = [], ...one }) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }, ...resource] },
      scopeSpans: [
        {
          scope: { name: 'test', version: '1' },
          spans: [
            {
              traceId: traceId(trace),
              spanId: hex(span, 16),
              parentSpanId: parent === undefined ? '' : hex(parent, 16),
              name: one.name ?? 'GET /',
              kind: one.kind ?? 2,
              startTimeUnixNano: ns(T0 + one.at * MS),
              endTimeUnixNano: ns(T0 + (one.at + (one.dur ?? 1)) * MS),
              status: { code: one.status ?? 0 },
              attributes: one.attributes ?? [],
              links: (one.links ?? []).map((link) => ({ traceId: traceId(link.trace), spanId: hex(link.span, 16) })),
              events: (one.events ?? []).map((event) => ({ ...event, timeUnixNano: ns(T0) })),
            },
          ],
        },
      ],
    })),
  }
  const { batch, rejected } = tracesFromJson(body, receivedUs)
  if (rejected.length > 0) throw new Error(JSON.stringify(rejected))
  return batch
}

export interface LogInput {
  at: number
  body: unknown
  severity?: number
  service?: string
  trace?: number
  attributes?: Record<string, unknown>[]
}

export function logBatch(logs: LogInput[], receivedUs = T0): LogBatch {
  const body = {
    resourceLogs: logs.map(({ at, body: text, severity = 9, service = 'shop', trace, attributes = [] }) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] },
      scopeLogs: [
        {
          logRecords: [
            {
              timeUnixNano: ns(T0 + at * MS),
              severityNumber: severity,
              body: typeof text === 'string' ? { stringValue: text } : text,
              attributes,
              ...(trace === undefined ? {} : { traceId: traceId(trace), spanId: hex(1, 16) }),
            },
          ],
        },
      ],
    })),
  }
  return logsFromJson(body, receivedUs).batch
}

const HOUR_US = 3_600_000_000

export function traceQuery(changes: Partial<TraceQuery> = {}): TraceQuery {
  return {
    start: T0 - HOUR_US,
    end: T0 + HOUR_US,
    minDuration: null,
    maxDuration: null,
    status: null,
    service: null,
    operation: null,
    filter: [],
    limit: 50,
    cursor: null,
    ...changes,
  }
}

export function logQuery(changes: Partial<LogQuery> = {}): LogQuery {
  return {
    start: T0 - HOUR_US,
    end: T0 + HOUR_US,
    severity: null,
    service: null,
    traceId: null,
    spanId: null,
    filter: [],
    limit: 50,
    cursor: null,
    ...changes,
  }
}

/** Values of every type, as senders send them, hostile ones among them. */
export const VALUES: Record<string, unknown>[] = [
  { stringValue: 'gold' },
  { stringValue: '500' },
  { stringValue: ' 5 ' },
  { stringValue: '' },
  { stringValue: 'a\u0000b' },
  { stringValue: 'half \ud800 pair' },
  { stringValue: 'tab\tline\nback\\slash "quoted" \\N \\.' },
  { stringValue: '雪 É é \u{1f600}' },
  { intValue: '500' },
  { intValue: '-1' },
  { intValue: '9007199254740993' },
  { intValue: '9223372036854775807' },
  { intValue: '-9223372036854775808' },
  { doubleValue: 0.5 },
  { doubleValue: 500 },
  { doubleValue: -0 },
  { doubleValue: 1e300 },
  { doubleValue: 'NaN' },
  { doubleValue: 'Infinity' },
  { doubleValue: '-Infinity' },
  { boolValue: true },
  { boolValue: false },
  { bytesValue: 'AAEC' },
  { arrayValue: { values: [{ stringValue: 'x\u0000y' }, { intValue: '1' }, { doubleValue: 1 }] } },
  {
    kvlistValue: {
      values: [
        { key: 'b', value: { intValue: '2' } },
        { key: 'a', value: { stringValue: '\ud800' } },
      ],
    },
  },
  {},
]
const KEYS = ['user.tier', 'http.status_code', 'a b"c', 'ключ']
const NAMES = ['GET /cart', 'POST /orders', 'select ÉTOILE', 'KELVIN \u212a', 'İstanbul', 'plain_50%\\']
const SERVICES = ['shop', 'cart', 'payment']

/** Random spans of random traces and random log records, from a seed. */
export function randomTelemetry(seed: number, count: number): { spans: SpanInput[]; logs: LogInput[] } {
  const random = seededRandom(seed)
  const below = (n: number): number => Math.floor(random() * n)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]
  const attributes = (): Record<string, unknown>[] =>
    KEYS.filter(() => random() < 0.5).map((key) => ({ key, value: pick(VALUES) }))
  const resources = SERVICES.map(() => [{ key: pick(KEYS), value: pick(VALUES) }])
  const spans = Array.from({ length: count }, (_, i) => {
    const at = SERVICES.indexOf(pick(SERVICES))
    return {
      trace: 1 + below(count / 3),
      span: i + 1,
      ...(random() < 0.6 ? { parent: 1 + below(count) } : {}),
      service: SERVICES[at],
      resource: resources[at],
      name: pick(NAMES),
      kind: below(6),
      at: below(1_000_000) / 1000,
      dur: below(5000) / 10,
      status: random() < 0.1 ? 2 : below(2),
      attributes: attributes(),
      events: random() < 0.3 ? [{ name: pick(['5', 'n']), attributes: [{ key: 'n', value: pick(VALUES) }] }] : [],
    }
  })
  const logs = Array.from({ length: count }, () => ({
    at: below(1000),
    body:
      random() < 0.1 ? pick(VALUES.filter((value) => !('stringValue' in value))) : `${pick(NAMES)} took ${below(9)} ms`,
    severity: below(25),
    service: pick(SERVICES),
    ...(random() < 0.3 ? { trace: 1 + below(count / 3) } : {}),
    attributes: attributes(),
  }))
  return { spans, logs }
}

/** A random filter in the filter language. */
export function randomFilter(random: () => number, signal: 'traces' | 'logs'): string {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]
  const quote = (text: string): string => JSON.stringify(text)
  const values = [
    'gold',
    '500',
    '0.5',
    'true',
    '',
    '5',
    '9223372036854775807',
    'NaN',
    'Infinity',
    '-0',
    'AAEC',
    'ab',
    '1e300',
  ]
  const makers: (() => string)[] = [
    () => `${quote(pick(KEYS))}${pick(['=', '!=', '=~', '!~'])}${quote(pick(values))}`,
    () => `${pick(['', '-', '!'])}${quote(pick(KEYS))} in (${quote(pick(values))}, ${quote(pick(values))})`,
    () => `${quote(`resource.${pick(KEYS)}`)}${pick(['=', '!=', '=~'])}${quote(pick(values))}`,
    () => `${quote(pick(KEYS))}${pick(['>', '>=', '<', '<='])}${pick(['0', '5', '400', '-3', '1e200'])}`,
    () => `service${pick(['=', '!=', '=~'])}${pick(SERVICES)}`,
    () => pick(['cart', 'étoile', 'kelvin', 'istanbul', '50%', '-orders', 'É']),
    ...(signal === 'traces'
      ? [
          () => `kind=${pick(['SERVER', 'CLIENT', 'INTERNAL'])}`,
          () => `status${pick(['=', '!='])}ERROR`,
          () => `${pick(['', '-'])}kind in (SERVER, CLIENT)`,
          () =>
            `${pick(['', '-'])}event.${pick(['name', '"a b"', 'n'])}${pick(['=', '!=', '>', '=~'])}${pick(['5', '500'])}`,
          () => `dur${pick(['>', '<', '>=', '<='])}${pick(['100ms', '2000', '1s'])}`,
          () => `name${pick(['=', '!=', '=~'])}${quote(pick(NAMES.slice(0, 2)))}`,
        ]
      : [
          () => `${pick(['', '-'])}severity in (error, 9)`,
          () => `severity${pick(['=', '!=', '>', '>=', '<', '<='])}${pick(['error', 'info', '9', '17'])}`,
        ]),
  ]
  return Array.from({ length: 1 + Math.floor(random() * 2) }, () => pick(makers)()).join(' ')
}
