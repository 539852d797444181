import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Filter, SpanAggregate, SpanChain } from '../../../core/model/filter.ts'
import { linkRows, StructureMatcher } from '../../../core/query/structure-match.ts'
import { type NaiveSpan, naiveTraces } from '../../fixtures/naive-structure.ts'

const SETS: Filter[] = ['a', 'b', 'c'].map((value) => [{ type: 'text', value, negated: false }])
const TRACES = 4

const span = fc.record({
  trace: fc.integer({ min: 0, max: TRACES - 1 }),
  // Few ids, so that they repeat, miss their parents and go in circles.
  span: fc.integer({ min: 1, max: 8 }),
  parent: fc.integer({ min: 0, max: 9 }),
  tags: fc.subarray([0, 1, 2]),
  dur: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(Number.NaN)),
})
const aggregate: fc.Arbitrary<SpanAggregate> = fc.record({
  fn: fc.constantFrom('count' as const, 'sum', 'avg', 'min', 'max'),
  key: fc.constant('dur'),
  op: fc.constantFrom('=' as const, '!=', '>', '>=', '<', '<='),
  number: fc.integer({ min: 0, max: 12 }),
})
const chain: fc.Arbitrary<SpanChain> = fc
  .array(fc.tuple(fc.constantFrom(...SETS), fc.constantFrom('child' as const, 'descendant' as const)), {
    minLength: 1,
    maxLength: 3,
  })
  .chain((parts) =>
    fc.array(aggregate, { maxLength: 2 }).map((aggregates) => ({
      sets: parts.map(([set]) => set),
      steps: parts.slice(1).map(([, step]) => step),
      aggregates,
    })),
  )

describe('StructureMatcher', () => {
  it('finds what the plain model finds, whatever the tree looks like', () => {
    fc.assert(
      fc.property(
        fc.array(span, { maxLength: 40 }),
        fc.array(chain, { minLength: 1, maxLength: 3 }),
        (spans, chains) => {
          const ids = (pick: (one: (typeof spans)[number]) => number): Uint32Array =>
            Uint32Array.from(spans.flatMap((one) => [0, pick(one)]))
          const trace = Int32Array.from(spans, (one) => one.trace)
          const matcher = new StructureMatcher(chains, TRACES)
          matcher.add({
            n: spans.length,
            trace,
            ...linkRows(
              trace,
              ids((one) => one.span),
              ids((one) => one.parent),
            ),
            mask: (set) => Uint8Array.from(spans, ({ tags }) => (tags.includes(SETS.indexOf(set)) ? 1 : 0)),
            numbers: () => Float64Array.from(spans, ({ dur }) => dur),
          })
          const naive = spans.map(
            (one): NaiveSpan => ({
              ...one,
              matches: (set) => one.tags.includes(SETS.indexOf(set)),
              number: () => one.dur,
            }),
          )
          const found = naiveTraces(naive, chains)
          const present = [...new Set(spans.map((one) => one.trace))].sort((a, b) => a - b)
          expect(present.filter((one) => matcher.holds(one))).toEqual(found)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('takes a hundred thousand spans one below the other', () => {
    const n = 100_000
    const trace = new Int32Array(n)
    const spanIds = Uint32Array.from({ length: n * 2 }, (_, i) => (i % 2 === 0 ? 1 : i + 1))
    const parentIds = Uint32Array.from({ length: n * 2 }, (_, i) => (i < 2 ? 0 : spanIds[i - 2]))
    const chains: SpanChain[] = [{ sets: [SETS[0], SETS[1]], steps: ['descendant'], aggregates: [] }]
    const matcher = new StructureMatcher(chains, 1)
    const at = (row: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => (i === row ? 1 : 0))
    matcher.add({
      n,
      trace,
      ...linkRows(trace, spanIds, parentIds),
      mask: (set) => (set === SETS[0] ? at(0) : at(n - 1)),
      numbers: () => new Float64Array(n),
    })
    expect(matcher.holds(0)).toBe(true)
  })
})
