import { parser as editorGrammar } from '@prometheus-io/lezer-promql'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALL_FEATURES, STABLE_FEATURES } from '../../../core/query/promql/answer.ts'
import { formatQuery, parseQuery } from '../../../core/query/promql/parse-query.ts'
import { parsePromql, parseSelector } from '../../../core/query/promql/syntax/parser.ts'
import { printExpr } from '../../../core/query/promql/syntax/printer.ts'

const shape = (query: string): string => {
  const show = (node: ReturnType<typeof parsePromql>): string => {
    switch (node.kind) {
      case 'binary':
        return `(${show(node.left)} ${node.op} ${show(node.right)})`
      case 'unary':
        return `${node.op}(${show(node.expr)})`
      case 'paren':
        return show(node.expr)
      case 'aggregate':
        return `${node.op}(${show(node.expr)})`
      default:
        return printExpr(node)
    }
  }
  return show(parsePromql(query))
}

describe('how expressions bind', () => {
  test.each([
    ['-2^2', '-((2 ^ 2))'],
    ['2^3^2', '(2 ^ (3 ^ 2))'],
    ['2^-1', '(2 ^ -1)'],
    ['a - b - c', '((a - b) - c)'],
    ['a + b * c', '(a + (b * c))'],
    ['a or b and c', '(a or (b and c))'],
    ['a unless b or c', '((a unless b) or c)'],
    ['a == bool b > bool c', '((a == b) > c)'],
    ['a + b offset 5m', '(a + b offset 5m)'],
    ['-a offset 5m', '-(a offset 5m)'],
    ['a atan2 b + c', '((a atan2 b) + c)'],
    ['sum(a) by (b) + 1', '(sum(a) + 1)'],
    ['a offset -2^2', '(a offset -2s ^ 2)'],
  ])('%s', (query, wanted) => {
    expect(shape(query)).toBe(wanted)
  })
})

describe('faults are told with line and column', () => {
  test.each([
    ['', '1:1: parse error: no expression found in input'],
    ['1 +', '1:4: parse error: unexpected end of input'],
    ['(a', '1:3: parse error: unclosed left parenthesis'],
    ['a)', "1:2: parse error: unexpected right parenthesis ')'"],
    ['a{b="c"', '1:8: parse error: unexpected end of input inside braces'],
    ['a{b}', '1:4: parse error: unexpected "}" in label matching, expected label matching operator'],
    ['a{b=c}', '1:5: parse error: unexpected identifier "c" in label matching, expected string'],
    ['sum a', '1:5: parse error: unexpected identifier "a" in aggregation'],
    ['sum by a (b)', '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("'],
    ['rate(a)', '1:6: parse error: expected type range vector in call to function "rate", got instant vector'],
    ['nope(a)', '1:1: parse error: unknown function with name "nope"'],
    ['1 == 2', '1:3: parse error: comparisons between scalars must use BOOL modifier'],
    ['a +\n  b c', '2:5: parse error: unexpected identifier "c"'],
    ['a and 1', '1:1: parse error: set operator "and" not allowed in binary scalar expression'],
    ['{a=~".*"}', '1:1: parse error: vector selector must contain at least one non-empty matcher'],
    ['a{__name__="b"}', '1:1: parse error: metric name must not be set twice: "a" or "b"'],
    ['a offset 1m offset 2m', '1:1: parse error: offset may not be set multiple times'],
    ['(a)[5m]', '1:4: parse error: ranges only allowed for vector selectors'],
    [
      'a[5m] offset',
      '1:13: parse error: unexpected end of input in offset, expected number, duration, step(), or range()',
    ],
    ['"ä" + a', '1:1: parse error: binary expression must contain only scalar and instant vector types'],
    ['{x="ä"} +', '1:11: parse error: unexpected end of input'],
    ['a[5m:', '1:6: parse error: unclosed left bracket'],
    ['topk(a)', '1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1'],
    ['count_values(1, a)', '1:14: parse error: expected type string in aggregation parameter, got scalar'],
    ['sum(a b)', '1:7: parse error: unexpected identifier "b" in aggregation'],
    ['1.5h', '1:1: parse error: bad number or duration syntax: "1.5h"'],
    ['a @ b', '1:5: parse error: unexpected identifier "b" in @, expected timestamp'],
    ['round(a,)', '1:8: parse error: trailing commas not allowed in function call args'],
  ])('%s', (query, wanted) => {
    expect(() => parsePromql(query)).toThrow(expect.objectContaining({ code: 'bad_promql', message: wanted }))
  })

  test.each([
    ['mad_over_time(a[5m])', 'function "mad_over_time" is not enabled'],
    [
      'limitk(1, a)',
      'limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions',
    ],
    ['a[5m + 1m]', 'experimental duration expression is not enabled'],
    ['rate(a[5m] smoothed)', 'smoothed modifier is experimental and not enabled'],
    ['a + fill(0) b', 'binop fill modifiers are experimental and not enabled'],
  ])('%s needs its feature', (query, text) => {
    expect(() => parsePromql(query, STABLE_FEATURES)).toThrow(text)
    expect(() => parsePromql(query, ALL_FEATURES)).not.toThrow()
  })
})

test('numbers, durations and strings', () => {
  const value = (query: string): unknown => {
    const node = parsePromql(query)
    return node.kind === 'number' || node.kind === 'string' ? node.value : node.kind
  }
  expect(['0x1F', '010', '1_000', '.5', '2.', '1e-3', '-Inf', '1h30m', '-5m'].map(value)).toEqual([
    31,
    8,
    1000,
    0.5,
    2,
    0.001,
    Number.NEGATIVE_INFINITY,
    5400,
    -300,
  ])
  expect(value('NaN')).toBeNaN()
  expect(['"a\\"b"', "'\\u00e9\\x41'", '`a\\n`', '"\\101"'].map(value)).toEqual(['a"b', 'éA', 'a\\n', 'A'])
})

test('UTF-8 names stand in quotes', () => {
  expect(parseSelector('{"my metric", "my.label"=~"x|y"}')).toEqual([
    { name: '__name__', op: '=', value: 'my metric' },
    { name: 'my.label', op: '=~', value: 'x|y' },
  ])
  expect(() => parseSelector('a + b')).toThrow('parse error')
})

test('long expressions are laid out over lines', () => {
  const label = 'x'.repeat(60)
  expect(formatQuery(`sum by(${label}) (rate(http_requests_total{job="api"}[5m]))`)).toBe(
    `sum by (${label}) (\n  rate(http_requests_total{job="api"}[5m])\n)`,
  )
  expect(formatQuery('a+on(x)group_left(y)b')).toBe('a + on (x) group_left (y) b')
})

test('the tree as JSON', () => {
  expect(parseQuery('rate(a{b!="c"}[5m] offset 1m)')).toEqual({
    type: 'call',
    func: { name: 'rate', argTypes: ['matrix'], variadic: 0, returnType: 'vector' },
    args: [
      {
        type: 'matrixSelector',
        name: 'a',
        range: 300_000,
        rangeExpr: null,
        offset: 60_000,
        offsetExpr: null,
        matchers: [
          { name: 'b', value: 'c', type: '!=' },
          { name: '__name__', value: 'a', type: '=' },
        ],
        timestamp: null,
        startOrEnd: null,
        anchored: false,
        smoothed: false,
      },
    ],
  })
})

/** Random expressions by type, to depth. */
const selector = fc.constantFrom('a', 'b{c="d"}', 'e{f=~"g.*",h!="i"}', '{__name__="j"}', 'k offset 5m', 'l @ 10.000')
const number = fc.constantFrom('1', '2.5', '-3', 'NaN', '1e3')
const vector: fc.Arbitrary<string> = fc.letrec<{ vector: string }>((tie) => ({
  vector: fc.oneof(
    { maxDepth: 4 },
    selector,
    fc.tuple(fc.constantFrom('abs', 'ceil', 'sort'), tie('vector')).map(([name, arg]) => `${name}(${arg})`),
    fc.tuple(fc.constantFrom('rate', 'max_over_time'), selector).map(([name]) => `${name}(a[5m])`),
    fc
      .tuple(fc.constantFrom('sum', 'max by (c)', 'count without (d)'), tie('vector'))
      .map(([op, arg]) => `${op} (${arg})`),
    fc
      .tuple(tie('vector'), fc.constantFrom('+', '-', '*', '/', '^', '%', '==', '> bool', 'and', 'or'), tie('vector'))
      .map(([left, op, right]) => `${left} ${op} ${right}`),
    fc
      .tuple(tie('vector'), fc.constantFrom('+', '*', '>'), number)
      .map(([left, op, right]) => `${left} ${op} ${right}`),
    tie('vector').map((inner) => `(${inner})`),
    tie('vector').map((inner) => `-${inner}`),
    tie('vector').map((inner) => `last_over_time((${inner})[10m:1m])`),
  ),
})).vector

test('what is printed reads back as the same', () => {
  fc.assert(
    fc.property(vector, (query) => {
      const printed = printExpr(parsePromql(query))
      expect(printExpr(parsePromql(printed))).toBe(printed)
      expect(printExpr(parsePromql(formatQuery(query)))).toBe(printed)
    }),
    { numRuns: 300 },
  )
})

test('the editor’s grammar takes what the parser takes', () => {
  fc.assert(
    fc.property(vector, (query) => {
      parsePromql(query)
      let faulty = false
      editorGrammar.parse(query).iterate({
        enter: (node) => {
          if (node.type.isError) faulty = true
        },
      })
      expect(faulty).toBe(false)
    }),
    { numRuns: 200 },
  )
})

test('nothing but a typed error comes out of any text', () => {
  const piece = fc.constantFrom(
    'sum',
    'rate',
    '(',
    ')',
    '{',
    '}',
    '[',
    ']',
    '5m',
    '"x"',
    '=~',
    'by',
    'offset',
    '@',
    '-',
    '1',
    'a',
    ':',
    ',',
    ' ',
    '\\',
    'é',
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      try {
        parsePromql(pieces.join(''))
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad_promql', message: expect.stringMatching(/^\d+:\d+: parse error: ./) })
      }
    }),
    { numRuns: 2000 },
  )
})
