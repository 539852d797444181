import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defaultSettings } from '../../../core/config/settings.ts'
import { decodeLogsJson, decodeTracesJson } from '../../../core/formats/otlp/decode-json.ts'
import type { TelemetryBatch } from '../../../core/model/columns.ts'
import { createRedactor, redactBatch } from '../../../core/pipeline/redaction.ts'

const redactor = createRedactor(defaultSettings.privacy)
const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
const text = (stringValue: string) => ({ stringValue })

/** Every byte of a batch that could reach the disk. */
function everything(batch: TelemetryBatch): string {
  const descriptions = [...batch.resources, ...batch.scopes].map(({ attributes }) => attributes)
  return [Buffer.from(batch.dictionary.bytes).toString(), ...descriptions].join('\n')
}

function redactSpan(span: object, resource: object[] = []): string {
  const body = {
    resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ spans: [{ ...ids, ...span }] }] }],
  }
  return everything(redactBatch(decodeTracesJson(Buffer.from(JSON.stringify(body)), 0).batch, redactor))
}

function redactLog(log: object): string {
  const body = { resourceLogs: [{ scopeLogs: [{ logRecords: [log] }] }] }
  return everything(redactBatch(decodeLogsJson(Buffer.from(JSON.stringify(body)), 0).batch, redactor))
}

/** Never part of anything else in a payload. */
const secret = fc.stringMatching(/^Zq[A-Za-z0-9]{10,30}Zq$/)
const word = fc.constantFrom('password', 'passwd', 'secret', 'token', 'api_key', 'apikey', 'credential', 'private_key')
const style = fc.constantFrom(
  (key: string) => key,
  (key: string) => key.toUpperCase(),
  (key: string) => key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
  (key: string) => key.replaceAll('_', '-'),
  (key: string) => `user_${key}`,
  (key: string) => `${key}_value`,
  (key: string) => `db.${key}`,
)
const key = fc.tuple(word, style).map(([name, make]) => make(name))
const filler = fc.stringMatching(/^[a-z ]{0,40}$/)
const harmless = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.oneof(filler, fc.integer(), fc.boolean()), {
  maxKeys: 4,
})

/** Texts that hide `value` under `name`, as programs write them. */
const hidings: [string, (name: string, value: string, rest: Record<string, unknown>) => string][] = [
  ['JSON', (name, value, rest) => JSON.stringify({ ...rest, [name]: value, after: 1 })],
  ['JSON with blanks', (name, value, rest) => JSON.stringify({ ...rest, [name]: value }, null, 2)],
  ['JSON deep inside', (name, value, rest) => JSON.stringify({ a: [{ b: { ...rest, [name]: value } }] })],
  ['JSON in JSON', (name, value, rest) => JSON.stringify({ body: JSON.stringify({ ...rest, [name]: value }) })],
  ['a JSON list under the key', (name, value) => JSON.stringify({ [name]: [value, value] })],
  ['JSON cut off', (name, value) => `{"${name}":"${value}`],
  ['a form body', (name, value, rest) => new URLSearchParams({ ...stringsOf(rest), [name]: value, z: '1' }).toString()],
  ['a query string', (name, value) => `https://h.example/p?a=1&${name}=${value}&b=2#f`],
  [
    'SQL',
    (name, value) => `select * from users where name = 'x' and ${name.replace(/[-.]/g, '_')} = '${value}' limit 1`,
  ],
  ['an INSERT', (name, value) => `INSERT INTO users (id, ${name.replace(/[-.]/g, '_')}) VALUES (1, '${value}')`],
  ['a header', (name, value) => `X-${name}: ${value}`],
  ['a log line', (name, value, rest) => `login failed ${Object.keys(rest).join(' ')} ${name}=${value} after 3 tries`],
  ['a command line', (name, value) => `run --${name} ${value} --verbose`],
]
const stringsOf = (rest: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, String(value)]))

describe.each(hidings)('a secret in %s', (_name, hide) => {
  it('is in no byte of the batch, wherever the text stood', () => {
    fc.assert(
      fc.property(key, secret, harmless, filler, (name, value, rest, around) => {
        const hidden = hide(name, value, rest)
        const places = [
          redactSpan({ name: hidden }),
          redactSpan({ attributes: [{ key: 'http.request.body', value: text(hidden) }] }),
          redactSpan({
            attributes: [{ key: 'list', value: { arrayValue: { values: [text(around), text(hidden)] } } }],
          }),
          redactSpan({ status: { code: 2, message: hidden } }),
          redactSpan({
            events: [{ name: 'exception', attributes: [{ key: 'exception.message', value: text(hidden) }] }],
          }),
          redactSpan({ links: [{ ...ids, attributes: [{ key: 'from', value: text(hidden) }] }] }),
          redactSpan({}, [{ key: 'process.command_line', value: text(hidden) }]),
          redactLog({ body: text(hidden) }),
          redactLog({ attributes: [{ key: 'x', value: text(hidden) }] }),
        ]
        for (const stored of places) expect(stored).not.toContain(value)
      }),
      { numRuns: 40 },
    )
  })
})

it('a sensitive key hides its value whatever type it has', () => {
  fc.assert(
    fc.property(key, secret, (name, value) => {
      const nested = { kvlistValue: { values: [{ key: 'inner', value: text(value) }] } }
      for (const hidden of [text(value), { arrayValue: { values: [text(value)] } }, nested]) {
        expect(redactSpan({ attributes: [{ key: name, value: hidden }] })).not.toContain(value)
        expect(redactSpan({}, [{ key: name, value: hidden }])).not.toContain(value)
        expect(redactSpan({ events: [{ name: 'e', attributes: [{ key: name, value: hidden }] }] })).not.toContain(value)
        const map = { kvlistValue: { values: [{ key: name, value: hidden }] } }
        expect(redactSpan({ attributes: [{ key: 'map', value: map }] })).not.toContain(value)
        expect(redactLog({ body: map })).not.toContain(value)
      }
    }),
    { numRuns: 60 },
  )
})

it('headers are removed with their key, passwords in addresses masked', () => {
  fc.assert(
    fc.property(
      secret,
      fc.constantFrom('Authorization', 'cookie', 'Set-Cookie', 'http.request.header.authorization', 'SET-COOKIE'),
      fc.constantFrom('https', 'postgres', 'redis', 'amqp'),
      (value, name, scheme) => {
        expect(redactSpan({ attributes: [{ key: name, value: text(value) }] })).not.toContain(value)
        expect(redactSpan({ name: `connect ${scheme}://bob:${value}@h:1/x` })).not.toContain(value)
        expect(redactLog({ body: text(`sent Bearer ${value}`) })).not.toContain(value)
        expect(redactLog({ body: text(`${name}: ${value}`) })).not.toContain(value)
      },
    ),
    { numRuns: 60 },
  )
})

it('a secret that the cut at 4 KB splits leaves no part behind', () => {
  fc.assert(
    fc.property(key, secret, fc.integer({ min: 0, max: 80 }), (name, value, before) => {
      const body = `{"pad":"${'p'.repeat(4096 - 10 - before)}","${name}":"${value}","tail":"${'x'.repeat(200)}"}`
      const stored = redactSpan({ attributes: [{ key: 'http.request.body', value: text(body) }] })
      expect(stored).toMatch(/…\[cut \d+ bytes\]/)
      for (let length = 3; length <= value.length; length++) expect(stored).not.toContain(value.slice(0, length))
    }),
    { numRuns: 100 },
  )
})

it('what is clean stays as it was', () => {
  fc.assert(
    fc.property(filler, harmless, (sentence, rest) => {
      const json = JSON.stringify(rest)
      fc.pre(!/pass|secret|token|key|credential|cookie|author|bearer|basic/i.test(sentence + json))
      const stored = redactSpan({ name: sentence, attributes: [{ key: 'body', value: text(json) }] })
      expect(stored).toContain(sentence)
      expect(stored).toContain(json)
    }),
    { numRuns: 100 },
  )
})
