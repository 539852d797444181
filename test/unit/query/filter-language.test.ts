import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GlassboxError } from '../../../core/base/errors.ts'
import type { FilterTerm, SpanChain } from '../../../core/model/filter.ts'
import { formatFilter, formatTraceFilter, parseFilter, parseTraceFilter } from '../../../core/query/filter-language.ts'

function attribute(key: string, op: string, value: string, number: number | null = null): FilterTerm {
  return { type: 'attribute', key, op, value, number } as FilterTerm
}

const one = (value: string, number: number | null = null) => ({ value, number })

describe('the filter language', () => {
  it.each([
    ['', []],
    ['http.status_code>=500', [attribute('http.status_code', '>=', '500', 500)]],
    ['user.id="42"', [attribute('user.id', '=', '42', 42)]],
    ['a=1 b!=x', [attribute('a', '=', '1', 1), attribute('b', '!=', 'x')]],
    ['a = 1', [attribute('a', '=', '1', 1)]],
    ['dur>1s', [attribute('dur', '>', '1s', 1_000_000)]],
    ['dur<=1.5ms', [attribute('dur', '<=', '1.5ms', 1500)]],
    ['dur>250', [attribute('dur', '>', '250', 250)]],
    ['dur>2µs', [attribute('dur', '>', '2µs', 2)]],
    ['-a=b', [attribute('a', '!=', 'b')]],
    ['-a>3', [attribute('a', '<=', '3', 3)]],
    ['name=~"^GET /a b"', [attribute('name', '=~', '^GET /a b')]],
    ['name!~x$', [attribute('name', '!~', 'x$')]],
    ['a exists -b exists', [attribute('a', 'exists', ''), attribute('b', '!exists', '')]],
    [
      'a in (x, "y, z" ,500) -b in(1s)',
      [
        { ...attribute('a', 'in', ''), list: [one('x'), one('y, z'), one('500', 500)] },
        { ...attribute('b', '!in', ''), list: [one('1s')] },
      ],
    ],
    ['dur in (1s)', [{ ...attribute('dur', 'in', ''), list: [one('1s', 1e6)] }]],
    ['!a=b !b exists !slow', [attribute('a', '!=', 'b'), attribute('b', '!exists', ''), text('slow', true)]],
    ['pool in use', [text('pool'), text('in'), text('use')]],
    ['resource.service.version=2', [attribute('resource.service.version', '=', '2', 2)]],
    ['severity>=warn', [attribute('severity', '>=', 'warn', 13)]],
    ['check out', [text('check'), text('out')]],
    ['"check out" -slow', [text('check out'), text('slow', true)]],
    ['a="say \\"hi\\"\\n\\\\"', [attribute('a', '=', 'say "hi"\n\\')]],
    ['"a key"=v', [attribute('a key', '=', 'v')]],
    ['a=b=c', [attribute('a', '=', 'b=c')]],
    ['a - b', [text('a'), text('-'), text('b')]],
    ['/users/{id}', [text('/users/{id}')]],
  ])('reads %s', (input, terms) => {
    expect(parseFilter(input)).toEqual(terms)
  })

  it.each([
    ['a>', 3],
    ['ok a=', 6],
    ['=5', 1],
    ['a>x', 3],
    ['a="open', 3],
    ['a=~"(" b', 4],
    ['dur>1parsec', 5],
    ['-=3', 2],
    ['!=3', 1],
    ['a in (b c)', 9],
    ['a in (b', 6],
    ['a in ()', 7],
    ['a in (b,,c)', 9],
  ])('says where %s is wrong', (input, position) => {
    let error: unknown
    try {
      parseFilter(input)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(GlassboxError)
    expect((error as GlassboxError).code).toBe('bad_filter')
    expect((error as GlassboxError).message).toContain(`character ${position} `)
  })

  it('writes what it reads back the same', () => {
    const word = fc.string({ minLength: 1, unit: 'binary' })
    const term = fc.oneof(
      fc.record({ type: fc.constant('text' as const), value: word, negated: fc.boolean() }),
      fc
        .tuple(word, fc.constantFrom('=' as const, '!=' as const), fc.string({ unit: 'binary' }))
        .map(([key, op, value]) => parsedAs(key, op, value)),
      fc
        .tuple(word, fc.constantFrom('>', '>=', '<', '<='), fc.double({ noNaN: true, noDefaultInfinity: true }))
        .map(([key, op, number]) => attribute(key === 'dur' ? 'x' : key, op, String(number), Number(String(number)))),
      word.map((key) => attribute(key, 'exists', '')),
      word.map((key) => attribute(key, '!exists', '')),
      fc
        .tuple(
          word,
          fc.constantFrom('in', '!in'),
          fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 3 }),
        )
        .map(([key, op, values]) => ({
          ...attribute(key, op, ''),
          list: values.map((value) => one(value, numberOf(key, value))),
        })),
    )
    const chain = fc.array(fc.array(term, { maxLength: 2 }), { minLength: 1, maxLength: 3 }).map(
      (sets): SpanChain => ({
        sets,
        steps: sets.slice(1).map((_, i) => (i % 2 === 0 ? 'child' : 'descendant')),
        aggregates: sets.length > 1 ? [{ fn: 'max', key: 'dur', op: '>', number: 20 }] : [],
      }),
    )
    fc.assert(
      fc.property(fc.array(term, { maxLength: 5 }), fc.array(chain, { maxLength: 2 }), (filter, chains) => {
        expect(parseFilter(formatFilter(filter))).toEqual(filter)
        const whole = { filter, chains }
        expect(parseTraceFilter(formatTraceFilter(whole))).toEqual(whole)
      }),
      { numRuns: 300 },
    )
  })

  it('reads sets of spans, what lies below them, and numbers over a trace', () => {
    const ofService = (service: string): FilterTerm => attribute('service', '=', service)
    expect(
      parseTraceFilter('cart {service=shop} >> { status=ERROR name="GET /{id}" } > {} | count()>2 |max(dur) >= 1.5s'),
    ).toEqual({
      filter: [text('cart')],
      chains: [
        {
          sets: [[ofService('shop')], [attribute('status', '=', 'ERROR'), attribute('name', '=', 'GET /{id}')], []],
          steps: ['descendant', 'child'],
          aggregates: [
            { fn: 'count', key: '', op: '>', number: 2 },
            { fn: 'max', key: 'dur', op: '>=', number: 1.5e6 },
          ],
        },
      ],
    })
    expect(parseTraceFilter('avg(http.size) < 10 {db.system exists} a=b').chains).toEqual([
      { sets: [[]], steps: [], aggregates: [{ fn: 'avg', key: 'http.size', op: '<', number: 10 }] },
      { sets: [[attribute('db.system', 'exists', '')]], steps: [], aggregates: [] },
    ])
  })

  it.each([
    ['{ a=b', 1, /closing brace/],
    ['x { a=b } >> c', 14, /set in braces is missing after >>/],
    ['{ a=b } > 5', 11, /set in braces is missing after >/],
    ['{ a { b } }', 5, /cannot stand in a set/],
    ['{ a=b } | c', 11, /after \| comes count/],
    ['{ a=b } | count() > 1 >> { c }', 9, /stands before \|/],
    ['count(dur) > 1', 1, /count\(\) takes nothing/],
    ['max() > 1', 1, /needs a key/],
    ['max(dur) =~ 1', 10, /is compared by/],
    ['max(dur) > long', 12, /compared with a number, not "long"/],
    ['{ count() > 1 }', 3, /behind a set/],
    ['-{ a=b }', 2, /count\(\) = 0/],
    ['-count() > 2', 2, /turn the comparison round/],
    ['{ a= }', 6, /value is missing/],
    [Array(17).fill('{ a }').join(' '), null, /more than 16 sets/],
  ])('says where %s is wrong', (input, position, why) => {
    const at = position === null ? /At character \d+/ : new RegExp(`At character ${position} of`)
    expect(() => parseTraceFilter(input)).toThrow(at)
    expect(() => parseTraceFilter(input)).toThrow(why)
  })

  it('takes sets for traces alone, and quoted braces as text', () => {
    expect(() => parseFilter('{ a=b }')).toThrow(/only traces have sets/)
    expect(() => parseFilter('count() > 2')).toThrow(/only traces have sets/)
    expect(parseFilter('"{ a" b={"c":1}')).toEqual([text('{ a'), attribute('b', '=', '{"c":1}')])
  })

  it('never fails with anything but bad_filter', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('a', '-', '=', '>', '!', '~', '"', '\\', ' ', '1', '(', ')', '{', '}', '|', 'count()'),
        }),
        (input) => {
          try {
            parseTraceFilter(input)
            parseFilter(input)
          } catch (error) {
            expect((error as GlassboxError).code).toBe('bad_filter')
          }
        },
      ),
    )
  })
})

function text(value: string, negated = false): FilterTerm {
  return { type: 'text', value, negated }
}

/** The number beside a value follows from key and value, so a generated term takes it from the parser. */
/** What the number of a value of this key is. */
function numberOf(key: string, value: string): number | null {
  const term = parsedAs(key, '=', value)
  return term.type === 'attribute' ? term.number : null
}

function parsedAs(key: string, op: '=' | '!=', value: string): FilterTerm {
  const [term] = parseFilter(formatFilter([{ type: 'attribute', key, op, value, number: null }]))
  return { type: 'attribute', key, op, value, number: term.type === 'attribute' ? term.number : null }
}
