import fc from 'fast-check'
import type { TestLog, TestSpan } from './spans.ts'

export const HOUR = 3_600_000_000
/** Two hours before midnight, so that the rows of one trace lie in blocks of two days. */
export const T0 = Date.UTC(2026, 0, 15, 22) * 1000

/** Runs and seed of a property: few and repeatable in `npm test`, many and new each time under GLASSBOX_LONG. */
export function runs(short: number, long: number): { numRuns: number; seed: number } {
  const seed = Number(process.env.GLASSBOX_SEED ?? (process.env.GLASSBOX_LONG ? Date.now() % 1e9 : 20_260_115))
  process.stdout.write(`seed ${seed}\n`)
  return { numRuns: process.env.GLASSBOX_LONG ? long : short, seed }
}

/** Mostly nothing: a query that asks for everything at once finds nothing. */
function seldom<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })
}

const value = fc.oneof(
  fc.constantFrom('a', 'b', '500', 'true'),
  fc.integer({ min: -2, max: 3 }),
  fc.boolean(),
  fc.constant(1.5),
)
const attributes = fc.dictionary(fc.constantFrom('k', 'code', 'zone'), value, { maxKeys: 3 })

export type SpanRow = Omit<TestSpan, 'span' | 'start'> & { offset: number }

/** Steps of ten minutes after the trace's first possible start. */
const shortly = fc.integer({ min: 0, max: 5 })
const hoursLater = fc.integer({ min: 6, max: 60 })

const spanRow = (offset: fc.Arbitrary<number>): fc.Arbitrary<SpanRow> =>
  fc.record({
    trace: fc.integer({ min: 1, max: 25 }),
    parent: fc.integer({ min: 0, max: 40 }),
    service: fc.constantFrom('shop', 'db', 'mail'),
    name: fc.constantFrom('GET /', 'select', 'Send Mail'),
    kind: fc.integer({ min: 0, max: 5 }),
    status: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2),
    offset: offset.map((step) => step * (HOUR / 6)),
    dur: fc.integer({ min: 0, max: 30 }).map((step) => step * 60_000_000),
    attributes,
  })

export type LogRow = Omit<TestLog, 'body'>

const logRow: fc.Arbitrary<LogRow> = fc.record({
  time: fc.integer({ min: 0, max: 40 }).map((step) => T0 + step * (HOUR / 10)),
  ns: fc.constantFrom(0, 0, 0, 7, 999),
  severity: fc.integer({ min: 0, max: 24 }),
  service: fc.constantFrom('shop', 'db'),
  trace: fc.integer({ min: 0, max: 5 }),
  attributes,
})

const batches = <T>(row: fc.Arbitrary<T>): fc.Arbitrary<T[][]> =>
  fc.array(fc.array(row, { minLength: 5, maxLength: 40, size: 'max' }), { minLength: 2, maxLength: 5, size: 'max' })

/** Some of the traces reach over hours. */
export const spanBatches = batches(
  spanRow(fc.oneof({ weight: 8, arbitrary: shortly }, { weight: 1, arbitrary: hoursLater })),
)
export const shortTraces = batches(spanRow(shortly))
export const logBatches = batches(logRow)

const filterText = fc.constantFrom(
  'k=a',
  'k!=a',
  'code=1',
  'code>=1',
  '-k=b',
  'k exists',
  '-k exists',
  'zone=zone-db',
  'zone=~^zone',
  'k!~^[ab]$',
  'k=true',
  'code=1.5',
  'mail',
  '-select',
  'k=a code>0',
  'code=500',
  'service=db',
  'k="absent"',
)

const window = fc.oneof(
  fc.constant({ start: T0 - HOUR, end: T0 + 10 * HOUR }),
  fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 40 })).map(([from, steps]) => ({
    start: T0 + (from * HOUR) / 10,
    end: T0 + ((from + steps) * HOUR) / 10,
  })),
)

export const traceQuery = fc.record({
  window,
  minDuration: seldom(fc.constantFrom(1, HOUR / 2)),
  maxDuration: seldom(fc.constantFrom(HOUR / 4, HOUR)),
  status: seldom(fc.constantFrom('ok' as const, 'error' as const)),
  service: seldom(fc.constantFrom('shop', 'db', 'nobody')),
  operation: seldom(fc.constantFrom('GET /', 'select')),
  q: seldom(
    fc.oneof(filterText, fc.constantFrom('dur>10m', 'status=ERROR', 'kind=SERVER k=a', 'name=~Mail$', 'dur<1s')),
  ),
  limit: fc.integer({ min: 1, max: 7 }),
  sort: fc.constantFrom('start' as const, 'start' as const, 'duration' as const),
})

export const logQuery = fc.record({
  window,
  severity: seldom(fc.constantFrom(9, 17)),
  service: seldom(fc.constantFrom('shop', 'nobody')),
  trace: seldom(fc.integer({ min: 1, max: 5 })),
  q: seldom(fc.oneof(filterText, fc.constantFrom('severity>=17', 'body=~^Mail'))),
  limit: fc.integer({ min: 1, max: 7 }),
})

/** What happens to the store between two pages of one search. */
export const steps = fc.array(fc.constantFrom('write', 'repeat', 'compact', 'restart', 'nothing'), {
  minLength: 4,
  maxLength: 4,
  size: 'max',
})
