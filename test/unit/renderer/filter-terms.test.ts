import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseFilter, parseTraceFilter } from '../../../core/query/filter-language.ts'
import { ignoredParams, LOG_FILTER, paramsOf, TRACE_FILTER, tokensOf } from '../../../renderer/app/filter/address.ts'
import { type SuggestionSource, suggest } from '../../../renderer/app/filter/suggest.ts'
import { scanTerms, termsText, termText } from '../../../renderer/app/filter/terms.ts'

describe('terms of a filter', () => {
  it.each([
    ['http.status_code>=500', 'http.status_code>=500'],
    ['-http.route=/healthz', '-http.route=/healthz'],
    ['user.name="Ada \\"L\\""', 'user.name="Ada \\"L\\""'],
    ['http.route = "/cart"', 'http.route=/cart'],
    ['http.route=~^/c', 'http.route=~^/c'],
    ['error.type exists', 'error.type exists'],
    ['checkout', 'checkout'],
    ['"two words"', '"two words"'],
    ['!http.route=/healthz', '-http.route=/healthz'],
    ['http.route in (/a, "b, c)")', 'http.route in (/a, "b, c)")'],
    ['!a in("x y" ,2)', '-a in ("x y" ,2)'],
  ])('%s is written %s', (text, written) => {
    const terms = scanTerms(text)
    expect(terms.map(({ problem }) => problem)).toEqual([null])
    expect(termText(terms[0])).toBe(written)
  })

  it('knows where each part stands', () => {
    const [, term] = scanTerms('a -http.route >= "x y" b')
    expect([term.from, term.keyFrom, term.keyTo, term.opFrom, term.opTo, term.valueFrom, term.to]).toEqual([
      2, 3, 13, 14, 16, 17, 22,
    ])
  })

  it.each([
    ['service=', 'noValue'],
    ['=cart', 'noKey'],
    ['duration>soon', 'badDuration'],
    ['status=fine', 'badStatus'],
    ['severity>=loud', 'badSeverity'],
    ['http.status_code>many', 'badNumber'],
    ['name="open', 'openQuote'],
    ['trace=12', 'badId'],
    ['a in (b', 'badList'],
    ['a in (b c)', 'badList'],
    ['a in ()', 'badList'],
    ['duration>=1.5s', null],
    ['user.id=""', null],
  ])('%s: %s', (text, problem) => {
    expect(scanTerms(text)[0].problem).toBe(problem)
  })

  it.each([
    ['{ service=cart } >> { status=error } | count() > 2', null, null],
    ['{ a="}" }', null, null],
    ['count() > 50', null, null],
    ['max(dur) > 1s', null, null],
    ['{ service=cart', 'openBrace', 0],
    ['{ a=b } >> cart', 'noSet', 11],
    ['{ a=b } | many', 'badAggregate', 10],
    ['{ a=b } > { status=fine }', 'badStatus', 12],
    ['max(dur) > long', 'badAggregate', null],
  ])('takes %s as one term: %s', (text, problem, at) => {
    const terms = scanTerms(text)
    expect(terms.map((term) => [term.problem, term.problemAt ?? null])).toEqual([[problem, at]])
    if (problem === null) expect(parseTraceFilter(termText(terms[0]))).toEqual(parseTraceFilter(text))
  })

  it('completes in braces as anywhere else, and says what may follow them', async () => {
    const source: SuggestionSource = {
      fields: ['status', 'service'],
      shortcuts: [],
      aggregates: ['count()'],
      keys: async () => [],
      values: async () => [{ value: '/users/{id}', count: 2 }],
      facets: () => [],
    }
    const written = async (text: string): Promise<string[]> => {
      const found = await suggest(source, text, text.length)
      return (found?.items ?? []).map((item) => text.slice(0, found?.from) + item.insert)
    }
    expect(await written('{ ser')).toEqual(['{ service='])
    expect(await written('{ service=')).toEqual(['{ service="/users/{id}" '])
    expect(await written('{ a=b } ')).toEqual(
      expect.arrayContaining(['{ a=b } >> { ', '{ a=b } > { ', '{ a=b } | count() > ']),
    )
    expect(await written('{ a=b } >')).toEqual(['{ a=b } >> { ', '{ a=b } > { '])
    expect(await written('cou')).toEqual(['count() > '])
    expect(await written('a in (x, /us')).toEqual(['a in (x, "/users/{id}"'])
  })

  it('survives being typed one character at a time', () => {
    const text = 'http.status_code>=500 user.id!="4 2"'
    for (let end = 0; end <= text.length; end++) expect(scanTerms(text.slice(0, end)).length).toBeLessThanOrEqual(2)
    expect(scanTerms('http.status_code>')[0]).toMatchObject({ key: 'http.status_code', op: '>', problem: 'noValue' })
  })

  it('reads what it has written as the core does', () => {
    const token = fc.record({
      negated: fc.boolean(),
      key: fc.string({ minLength: 1, maxLength: 12 }),
      op: fc.constantFrom('=', '!=', '=~', 'exists'),
      value: fc.string({ minLength: 1, maxLength: 12 }).map((text) => text.replace(/[^\w "\\\n\t=<>!-]/g, 'x')),
    })
    fc.assert(
      fc.property(fc.array(token, { maxLength: 5 }), (tokens) => {
        const plain = tokens.map((one) =>
          one.op === '=~' ? { ...one, value: `x${one.value.replace(/\W/g, '')}` } : one,
        )
        const whole = plain
          .map((one) => (one.op === 'exists' ? { ...one, value: '' } : one))
          .filter(({ key }) => !['duration', 'dur', 'status', 'severity', 'trace', 'span'].includes(key))
        const text = termsText(whole)
        expect(scanTerms(text).map(({ negated, key, op, value }) => ({ negated, key, op, value }))).toEqual(whole)
        expect(parseFilter(text).map((term) => (term.type === 'attribute' ? term.key : ''))).toEqual(
          whole.map(({ key }) => key),
        )
      }),
      { seed: 5, numRuns: 400 },
    )
  })
})

describe('filter and address', () => {
  it('gives the api its own parameters and leaves the rest in q', () => {
    const tokens = scanTerms('service=cart status=error duration>100ms -http.route=/healthz checkout service=b')
    expect(paramsOf(TRACE_FILTER, tokens)).toEqual({
      service: 'cart',
      status: 'error',
      operation: undefined,
      minDuration: '100ms',
      maxDuration: undefined,
      q: '-http.route=/healthz checkout service=b',
    })
  })

  it('goes round through the address', () => {
    const traces = { status: 'error', service: 'cart', operation: 'POST /cart', minDuration: '1s', q: 'user.id="4 2"' }
    expect(paramsOf(TRACE_FILTER, tokensOf(TRACE_FILTER, traces))).toEqual({ ...traces, maxDuration: undefined })
    const logs = { severity: 'warn', service: 'cart', q: 'severity!=error body=~"a b"' }
    expect(paramsOf(LOG_FILTER, tokensOf(LOG_FILTER, logs))).toEqual({ ...logs, trace: undefined, span: undefined })
  })

  it('names what an address says in vain', () => {
    const checks = { range: /^1h$/, q: null }
    expect(ignoredParams({ range: '9y', q: 'x', colour: 'red' }, checks)).toEqual([
      { key: 'range', value: '9y' },
      { key: 'colour', value: 'red' },
    ])
  })
})

describe('suggestions', () => {
  const source: SuggestionSource = {
    fields: ['status', 'service', 'duration'],
    shortcuts: ['status=error'],
    keys: async () => [{ value: 'http.route', count: 9 }],
    values: async () => [
      { value: '/cart', count: 3 },
      { value: '/old', count: 1 },
    ],
    facets: () => [{ key: 'http.route', present: 7, distinct: 1, values: [{ value: '/cart', count: 7 }] }],
  }
  const labels = async (text: string) =>
    (await suggest(source, text, text.length))?.items.map(({ label, count }) => [label, count])

  it('offers keys, then operators, then values with their counts in the range', async () => {
    expect(await labels('rou')).toEqual([['http.route', 9]])
    expect((await labels('x=1 http.route'))?.[0]).toEqual(['http.route=', null])
    expect(await labels('http.route=')).toEqual([
      ['/cart', 7],
      ['/old', 0],
    ])
    expect((await labels('err'))?.[0]).toEqual(['status=error', null])
  })

  it('replaces only what was typed of the term at the cursor', async () => {
    expect((await suggest(source, 'a=1 -http.route=/c', 18))?.from).toBe(16)
    expect((await suggest(source, '-sta', 4))?.from).toBe(1)
  })
})
