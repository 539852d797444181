import { expect, it } from 'vitest'
import type { AnyValue, SpanRecord } from '../../../core/model/records.ts'
import { formatSql } from '../../../renderer/features/inspector/derive/readers/format-sql.ts'
import { asCurl } from '../../../renderer/features/inspector/derive/readers/http.ts'
import { readSpan } from '../../../renderer/features/inspector/derive/readers/read-span.ts'
import { readStack } from '../../../renderer/features/inspector/derive/stack-trace.ts'
import { withFilter } from '../../../renderer/features/inspector/derive/with-filter.ts'

function span(attributes: Record<string, string | number | string[]>): SpanRecord {
  const value = (one: string | number | string[]): AnyValue => {
    if (Array.isArray(one)) return { arrayValue: { values: one.map(value) } }
    return typeof one === 'number' ? { intValue: String(one) } : { stringValue: one }
  }
  return {
    traceId: '1'.repeat(32),
    spanId: '1'.repeat(16),
    parentId: null,
    name: 'op',
    kind: 'CLIENT',
    start: 0,
    startNs: 0,
    dur: 0,
    durNs: 0,
    status: 'UNSET',
    statusMessage: '',
    service: 'cart',
    resource: 0,
    scope: 0,
    attributes: Object.entries(attributes).map(([key, one]) => ({ key, value: value(one) })),
    events: [],
    links: [],
    traceState: '',
    flags: 0,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    marks: 0,
    sampleRate: 1,
  }
}

it('reads HTTP of both generations, with what was hidden and cut', () => {
  const reading = readSpan(
    span({
      'http.request.method': 'POST',
      'url.full': 'http://cart:8080/items',
      'network.protocol.version': '1.1',
      'http.request.header.content_type': ['application/json'],
      'http.request.header.x_secret': '[masked]',
      'http.request.body.content': '{"a":1,"b…[cut 900 bytes]',
      'http.response.status_code': 500,
    }),
  )
  expect(reading).toMatchObject({ kind: 'http', headline: 'POST http://cart:8080/items', note: 'HTTP/1.1' })
  expect(reading?.request[0]).toMatchObject({
    pairs: [
      { key: 'content-type', value: 'application/json', hidden: false },
      { key: 'x-secret', hidden: true },
    ],
  })
  expect(reading?.request.at(-1)).toMatchObject({ language: 'json', text: '{"a":1,"b', cutBytes: 900 })
  expect(readSpan(span({ 'http.method': 'GET', 'http.host': 'a.example', 'http.target': '/x' }))?.headline).toBe(
    'GET http://a.example/x',
  )
})

it('writes a request as cURL, quoted, without what was hidden', () => {
  expect(
    asCurl(
      span({
        'http.request.method': 'POST',
        'url.full': "http://a.example/it's",
        'http.request.header.accept': 'text/plain',
        'http.request.header.x_key': '[masked]',
      }),
    ),
  ).toBe(`curl -X POST 'http://a.example/it'\\''s' -H 'accept: text/plain'`)
  expect(asCurl(span({ 'http.route': '/x' }))).toBeNull()
})

it('reads database, messaging, RPC and AI spans by their own conventions', () => {
  expect(
    readSpan(span({ 'db.system.name': 'postgresql', 'db.query.text': 'select 1 from a where b=$1' })),
  ).toMatchObject({
    kind: 'database',
    note: 'postgresql',
    request: [{ language: 'sql', text: 'select 1\nfrom a\nwhere b=$1' }],
  })
  expect(
    readSpan(
      span({ 'messaging.system': 'kafka', 'messaging.destination.name': 'mails', 'messaging.operation.type': 'send' }),
    )?.headline,
  ).toBe('send mails')
  expect(
    readSpan(span({ 'rpc.system': 'grpc', 'rpc.method': 'Get', 'rpc.grpc.status_code': 14 }))?.response,
  ).toMatchObject([{ pairs: [{ key: 'status', value: '14 UNAVAILABLE' }] }])
  const chat = readSpan(
    span({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'small',
      'http.request.method': 'POST',
      'gen_ai.usage.input_tokens': 12,
      'gen_ai.input.messages': JSON.stringify([{ role: 'user', parts: [{ type: 'text', content: 'hi' }] }]),
      'gen_ai.output.messages': JSON.stringify([
        { role: 'assistant', parts: [{ type: 'tool_call', name: 'search', arguments: { q: 'mug' } }] },
      ]),
    }),
  )
  expect(chat).toMatchObject({ kind: 'genai', headline: 'chat small' })
  expect(chat?.request[0]).toMatchObject({ messages: [{ role: 'user', parts: [{ kind: 'text', text: 'hi' }] }] })
  expect(chat?.response[0]).toMatchObject({
    messages: [{ parts: [{ kind: 'call', name: 'search', text: '{"q":"mug"}' }] }],
  })
  expect(readSpan(span({ anything: 'else' }))).toBeNull()
})

it('formats SQL without changing anything but white space', () => {
  const statements = [
    "SELECT a, count(*) FROM t LEFT JOIN u ON u.id = t.id WHERE a = 'from  where' AND b BETWEEN 1 AND 2 OR c IN (SELECT id FROM x WHERE y = 1) GROUP BY a ORDER BY 2 DESC LIMIT 10",
    'insert into t (a, b) values ($1, $2) on conflict (a) do update set b = excluded.b returning id',
    "update t set a = 'it''s -- no comment' -- a comment\n where id = 1",
    'not sql at all',
    "SELECT 'unterminated FROM",
  ]
  for (const sql of statements) expect(formatSql(sql).replaceAll(/\s+/g, '')).toBe(sql.replaceAll(/\s+/g, ''))
  expect(formatSql(statements[0]).split('\n')).toEqual([
    'SELECT a, count(*)',
    'FROM t',
    'LEFT JOIN u ON u.id = t.id',
    "WHERE a = 'from  where'",
    '  AND b BETWEEN 1 AND 2',
    '  OR c IN (',
    '  SELECT id',
    '  FROM x',
    '  WHERE y = 1)',
    'GROUP BY a',
    'ORDER BY 2 DESC',
    'LIMIT 10',
  ])
})

it('folds frames of libraries and keeps every line', () => {
  const stack = [
    'PoolTimeoutError: no connection',
    '    at acquire (/app/src/pool.ts:41:11)',
    '    at query (/app/node_modules/pg/lib/client.js:526:17)',
    '    at processTicksAndRejections (node:internal/process/task_queues:105:5)',
    '    at loadItems (/app/src/cart.ts:88:20)',
  ].join('\n')
  const parts = readStack(stack)
  expect(parts.map((part) => [part.kind, part.lines.length])).toEqual([
    ['lines', 2],
    ['folded', 2],
    ['lines', 1],
  ])
  expect(parts.flatMap((part) => part.lines.map((line) => line.text)).join('\n')).toBe(stack)
  expect(readStack('    at a (node:fs:1:1)\n    at b (node:fs:2:1)').every((part) => part.kind === 'lines')).toBe(true)
})

it('adds a term to a filter once, quoted where needed', () => {
  expect(withFilter('', 'user.id', '42', false)).toBe('user.id=42')
  expect(withFilter('a=1', 'note', 'it "is"', true)).toBe('a=1 -note="it \\"is\\""')
  expect(withFilter('a=1 b=2', 'b', '2', false)).toBe('a=1 b=2')
})
