import { describe, expect, it } from 'vitest'
import { defaultSettings } from '../../../core/config/settings.ts'
import { entryText, SpanMark } from '../../../core/model/columns.ts'
import { KeyAction, KeyRules } from '../../../core/pipeline/key-rules.ts'
import { maskText, sensitiveWords } from '../../../core/pipeline/mask-text.ts'
import { createRedactor, redactBatch } from '../../../core/pipeline/redaction.ts'
import { WordFinder } from '../../../core/pipeline/word-finder.ts'
import { makeSpans } from './make-batch.ts'

const privacy = defaultSettings.privacy
const rules = new KeyRules(privacy)
const finder = sensitiveWords([...privacy.maskKeys, 'authorization', 'cookie'])

describe('masking inside text', () => {
  it.each([
    ['password=hunter2&user=bob', 'password=[masked]&user=bob'],
    ['password%3Dhunter2%26a%3D1', 'password%3D[masked]%26a%3D1'],
    ['{"password":"hunter2","n":1}', '{"password":"[masked]","n":1}'],
    ['{"a":{"authToken": 12345, "x":[1]}}', '{"a":{"authToken": "[masked]", "x":[1]}}'],
    ['{"b":"{\\"password\\":\\"hunter2\\",\\"u\\":1}"}', '{"b":"{\\"password\\":\\"[masked]\\",\\"u\\":1}"}'],
    ['{"secret":{"a":"hunter2"},"b":1}', '{"secret":"[masked]","b":1}'],
    ['{"password":"hunter', '{"password":"[masked]'],
    ['https://bob:hunter2@h/x?access_token=hunter2&q=1', 'https://bob:[masked]@h/x?access_token=[masked]&q=1'],
    ["where password = 'hunter2' and name='bob'", "where password = '[masked]' and name='bob'"],
    [
      "INSERT INTO u (name, password) VALUES ('b', 'hunter2')",
      "INSERT INTO u (name, password) VALUES ('[masked]', '[masked]')",
    ],
    ["ALTER USER x PASSWORD 'hunter2'", "ALTER USER x PASSWORD '[masked]'"],
    [
      '[{"key":"password","value":{"stringValue":"hunter2"}}]',
      '[{"key":"password","value":{"stringValue":"[masked]"}}]',
    ],
    [
      '[{"key":"password","value":{"arrayValue":{"values":[{"stringValue":"hunter2"}]}}},{"key":"b","value":{}}]',
      '[{"key":"password","value":{"stringValue":"[masked]"}},{"key":"b","value":{}}]',
    ],
    ['{"name":"secret","value":["hunter2"],"x":true}', '{"name":"secret","value":"[masked]","x":true}'],
    [
      '{"b":"[{\\"key\\":\\"secret\\",\\"value\\":{\\"a\\":[\\"hunter2\\"]}},1]"}',
      '{"b":"[{\\"key\\":\\"secret\\",\\"value\\":{\\"stringValue\\":\\"[masked]\\"}},1]"}',
    ],
    ['{"b":"{\\"secret\\":{\\"a\\":\\"hunter2\\"},\\"c\\":1}"}', '{"b":"{\\"secret\\":\\"[masked]\\",\\"c\\":1}"}'],
    ['["Authorization","Bearer hunter2","Accept"]', '["Authorization","[masked]","Accept"]'],
    ['Cookie: a=hunter2; b=hunter2', 'Cookie: [masked]'],
    ['sent Bearer hunter2hunter2 ok', 'sent Bearer [masked] ok'],
    ['x --password hunter2 --y', 'x --password [masked] --y'],
    ['X-Api-Key: hunter2', 'X-Api-Key: [masked]'],
  ])('%s', (text, expected) => {
    expect(maskText(text, rules, finder)).toBe(expected)
  })

  it.each([
    'max_tokens=512',
    'mail bob@example.com about tokens',
    '{"password":null}',
    '{"name":"secret","value":true}',
    'a cookie banner',
    '',
  ])('leaves %s', (text) => {
    expect(maskText(text, rules, finder)).toBeNull()
  })

  it.each(['token', '"token":', "token='", 'token={', 'insert token ', "token \\\\'", '"key":"token",'])(
    'is done quickly with 200 kB of %s',
    (part) => {
      const started = performance.now()
      maskText(part.repeat(200_000 / part.length), rules, finder)
      expect(performance.now() - started).toBeLessThan(1500)
    },
  )
})

describe('keys', () => {
  it.each([
    'Authorization',
    'http.request.header.authorization',
    'http.response.header.set-cookie',
    'COOKIE',
    'headers[Set-Cookie]',
  ])('removes %s', (key) => expect(rules.action(key)).toBe(KeyAction.remove))
  it.each(['auth_token', 'authToken', 'x-api-key', 'db.password', 'clientSecret', 'PRIVATE.KEY'])('masks %s', (key) =>
    expect(rules.action(key)).toBe(KeyAction.mask),
  )
  it.each(['gen_ai.usage.input_tokens', 'max_tokens', 'http.method', 'key'])('keeps %s', (key) =>
    expect(rules.action(key)).toBe(KeyAction.keep),
  )
})

describe('batches', () => {
  const redactor = createRedactor(privacy)
  const texts = (batch: ReturnType<typeof makeSpans>): string[] =>
    Array.from({ length: batch.dictionary.size }, (_, i) => entryText(batch.dictionary, i))

  it('returns a clean batch as it is', () => {
    const batch = makeSpans([{ attributes: { 'http.url': 'https://h/x?a=1', n: 5 } }])
    expect(redactBatch(batch, redactor)).toBe(batch)
  })

  it('removes, masks and marks, and keeps no secret in any buffer', () => {
    const batch = redactBatch(
      makeSpans([
        { attributes: { Authorization: 'hunter2', ok: 'fine' } },
        { attributes: { 'user.password': 'hunter2' } },
        { name: 'GET /x?token=hunter2' },
        { attributes: { ok: 'fine' } },
      ]),
      redactor,
    )
    expect([...batch.marks]).toEqual([SpanMark.redacted, SpanMark.redacted, SpanMark.redacted, 0])
    expect(Buffer.from(batch.dictionary.bytes).includes('hunter2')).toBe(false)
    expect([...batch.attributes.offsets]).toEqual([0, 1, 2, 2, 3])
    expect(entryText(batch.dictionary, batch.attributes.values[1])).toBe('[masked]')
    expect(entryText(batch.dictionary, batch.name[2])).toBe('GET /x?token=[masked]')
    expect(texts(batch)).toContain('fine')
  })

  it('cuts long values at a whole character and says how much', () => {
    const batch = redactBatch(makeSpans([{ attributes: { body: `x${'é'.repeat(4096)}` } }]), redactor)
    const value = entryText(batch.dictionary, batch.attributes.values[0])
    expect(value).toBe(`x${'é'.repeat(2047)}…[cut 4098 bytes]`)
    expect(batch.marks[0]).toBe(SpanMark.cut)
  })
})

it('the word finder finds what a plain search finds, at every place and in every case', () => {
  const words = ['token', 'api_key', 'pw']
  const search = new WordFinder(words)
  for (const word of ['Token', 'API_KEY', 'pw']) {
    for (let before = 0; before < 40; before++) {
      const text = `${'to.ap '.repeat(10).slice(0, before)}${word}tail`
      expect(search.find(new TextEncoder().encode(text), 0)).toBe(text.toLowerCase().search(/token|api_key|pw/))
    }
  }
  expect(search.find(new TextEncoder().encode('nothing to see here'), 0)).toBe(-1)
})
