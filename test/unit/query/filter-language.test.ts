import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { GlassboxError } from '../../../core/base/errors.ts'
import type { FilterTerm } from '../../../core/model/filter.ts'
import { formatFilter, parseFilter } from '../../../core/query/filter-language.ts'

function attribute(key: string, op: string, value: string, number: number | null = null): FilterTerm {
  return { type: 'attribute', key, op, value, number } as FilterTerm
}

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
    )
    fc.assert(
      fc.property(fc.array(term, { maxLength: 5 }), (filter) => {
        expect(parseFilter(formatFilter(filter))).toEqual(filter)
      }),
      { numRuns: 500 },
    )
  })

  it('never fails with anything but bad_filter', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '-', '=', '>', '!', '~', '"', '\\', ' ', '1', '(') }),
        (input) => {
          try {
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
function parsedAs(key: string, op: '=' | '!=', value: string): FilterTerm {
  const [term] = parseFilter(formatFilter([{ type: 'attribute', key, op, value, number: null }]))
  return { type: 'attribute', key, op, value, number: term.type === 'attribute' ? term.number : null }
}
