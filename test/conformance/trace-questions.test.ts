import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { FilterTerm } from '../../core/model/filter.ts'
import type { TraceSummary } from '../../core/model/records.ts'
import { parseTraceFilter } from '../../core/query/filter-language.ts'
import type { Page, TelemetryStore } from '../../core/storage/store.ts'
import { seededRandom } from '../demo/shop.ts'
import { type NaiveSpan, naiveTraces } from '../fixtures/naive-structure.ts'
import { engines, type OpenedStore } from './engines.ts'
import { MS, type SpanInput, spanBatch, T0, traceId, traceQuery } from './telemetry-rows.ts'

/** Requests that are slow in one of two pools alone; every request has a user of its own. */
function requests(): SpanInput[] {
  return Array.from({ length: 600 }, (_, i): SpanInput[] => {
    const slow = i % 20 === 0
    const pool = slow || i % 50 === 1 ? 'orders-2' : 'orders-1'
    const attributes = [
      { key: 'user.id', value: { stringValue: `u${i}` } },
      { key: 'shard', value: { intValue: String(i % 4) } },
      // All different: only ranges of them can tell. One quick request is as large as the slow ones.
      { key: 'bytes', value: { intValue: String(slow || i === 1 ? 50_000 + i * 7 : 101 + i) } },
      ...(slow ? [{ key: 'retry.id', value: { stringValue: `r${i}` } }] : []),
    ]
    return [
      { trace: i + 1, span: i * 2 + 1, at: i, dur: slow ? 900 : 20, attributes },
      {
        trace: i + 1,
        span: i * 2 + 2,
        parent: i * 2 + 1,
        service: 'orders',
        name: 'SELECT orders',
        kind: 3,
        at: i + 1,
        dur: slow ? 800 : 5,
        status: slow && i % 40 === 0 ? 2 : 0,
        resource: [{ key: 'db.pool', value: { stringValue: pool } }],
      },
    ]
  }).flat()
}

function rowsOf({ attributes = [] }: SpanInput): number {
  const value = attributes.find(({ key }) => key === 'rows')?.['value'] as
    | { intValue?: string; stringValue?: string }
    | undefined
  return Number(value?.intValue ?? value?.stringValue ?? Number.NaN)
}

/** The few terms that this file's queries are made of. */
function termHolds(term: FilterTerm, span: SpanInput): boolean {
  if (term.type === 'text') return false
  const { key, op, value, number } = term
  if (key === 'service') return span.service === value
  if (key === 'name') return (span.name === value) === (op === '=')
  if (key === 'status') return span.status === 2
  if (key === 'dur') return (span.dur ?? 0) * MS > Number(number)
  if (op === 'exists') return (span.attributes ?? []).length > 0
  return rowsOf(span) > Number(number)
}

const both = engines()
beforeAll(async () => {
  for (const engine of both) await engine.start()
}, 120_000)
afterAll(async () => {
  for (const engine of both) await engine.stop()
})

describe.each(both)('$name', (engine) => {
  let opened: OpenedStore
  let store: TelemetryStore
  beforeAll(async () => {
    opened = await engine.open()
    store = opened.store
    // Roots and children come apart, so that every trace lies in two blocks.
    const spans = requests()
    await store.writer.write({ spans: [spanBatch(spans.filter(({ parent }) => !parent))], logs: [] })
    await store.writer.write({ spans: [spanBatch(spans.filter(({ parent }) => parent))], logs: [] })
  })
  afterAll(() => opened.close())

  it('looks at the resource alone, at events, and at lists of values', async () => {
    const { store: own, close } = await engine.open()
    const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
    const failed = { name: 'exception', attributes: [text('exception.type', 'PoolError')] }
    const retried = { name: 'retry', attributes: [{ key: 'attempt', value: { intValue: '3' } }] }
    const spans: SpanInput[] = [
      { trace: 1, span: 1, at: 0, resource: [text('zone', 'a')], attributes: [text('zone', 'b')], events: [failed] },
      { trace: 2, span: 2, at: 1, resource: [text('zone', 'b')], events: [retried, failed] },
      {
        trace: 3,
        span: 3,
        at: 2,
        name: 'idle',
        links: [{ trace: 1, span: 1 }],
        attributes: [{ key: 'size', value: { intValue: '500' } }],
      },
    ]
    await own.writer.write({ spans: [spanBatch(spans)], logs: [] })
    const found = async (q: string): Promise<number[]> => {
      const { items } = await own.reader.searchTraces(traceQuery(parseTraceFilter(q)))
      return items.map((item) => Number.parseInt(item.traceId, 16)).sort()
    }
    const expected: [q: string, traces: number[]][] = [
      ['zone=b', [1, 2]],
      ['resource.zone=b', [2]],
      ['!resource.zone exists', [3]],
      ['resource.zone!=a', [2, 3]],
      ['event.name=retry', [2]],
      ['event.exception.type=~^Pool', [1, 2]],
      ['event.attempt>2', [2]],
      ['-event.name=retry', [1, 3]],
      ['!event.name exists', [3]],
      ['event.name in (retry, x)', [2]],
      ['size in (12, 500.0)', [3]],
      [`link.trace=${traceId(1)}`, [3]],
      ['link.span=0000000000000001', [3]],
      [`link.trace=${traceId(2)}`, []],
      ['zone in (a, b) name!=idle', [1, 2]],
      ['!size in (500)', [1, 2]],
      ['name in (idle, "GET /")', [1, 2, 3]],
      ['service in (cart)', []],
      ['{ event.attempt=3 } | count() = 1', [2]],
    ]
    for (const [q, traces] of expected) expect([q, await found(q)]).toEqual([q, traces])
    await close()
  })

  it('finds traces by the tree of their spans and by numbers over them, as the plain model does', async () => {
    const seed = 20_261
    const random = seededRandom(seed)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]
    const below = (n: number): number => Math.floor(random() * n)
    const { store: own, close } = await engine.open()
    const spans: SpanInput[] = Array.from({ length: 400 }, (_, i) => ({
      trace: 1 + below(60),
      // Ids repeat between traces, now and then within one.
      span: 1 + below(random() < 0.9 ? 300 : 9),
      ...(random() < 0.85 ? { parent: 1 + below(random() < 0.5 ? 12 : 300) } : {}),
      service: pick(['shop', 'cart']),
      name: pick(['read', 'write', 'call']),
      at: i,
      dur: below(50),
      status: random() < 0.3 ? 2 : 0,
      attributes:
        random() < 0.5
          ? [{ key: 'rows', value: pick([{ intValue: String(below(9)) }, { stringValue: '4' }, { stringValue: 'x' }]) }]
          : [],
    }))
    for (let at = 0; at < spans.length; at += 150)
      await own.writer.write({ spans: [spanBatch(spans.slice(at, at + 150))], logs: [] })
    const sets = [
      'service=shop',
      'service=cart status=ERROR',
      'name=read',
      'dur>20ms',
      'rows exists',
      'name!=call rows>3',
      '',
    ]
    const set = (): string => `{ ${pick(sets)} }`
    const over = (): string =>
      pick(['count() > 2', 'count() = 0', 'max(dur) > 30ms', 'avg(rows) >= 3', 'sum(rows) < 9', 'min(dur) <= 5000'])
    const queries = Array.from({ length: 36 }, () => {
      const chain = Array.from({ length: 1 + below(3) }, set).join(random() < 0.5 ? ' > ' : ' >> ')
      return [
        chain,
        ...(random() < 0.4 ? [`| ${over()}`] : []),
        ...(random() < 0.3 ? [pick([over(), set()])] : []),
      ].join(' ')
    })
    const naive = spans.map(
      (span): NaiveSpan => ({
        trace: span.trace,
        span: span.span,
        parent: span.parent ?? 0,
        matches: (wanted) => wanted.every((term) => termHolds(term, span)),
        number: (key) => (key === 'dur' ? (span.dur ?? 0) * MS : rowsOf(span)),
      }),
    )
    let some = 0
    for (const q of queries) {
      const parsed = parseTraceFilter(q)
      const expected = naiveTraces(naive, parsed.chains).map((trace) => traceId(trace))
      const { total } = await own.reader.traceHistogram(traceQuery(parsed), 4)
      const ids: string[] = []
      let cursor: string | null = null
      do {
        const page: Page<TraceSummary> = await own.reader.searchTraces(traceQuery({ ...parsed, limit: 7, cursor }))
        ids.push(...page.items.map((item) => item.traceId))
        const starts = page.items.map((item) => item.start)
        expect(starts, q).toEqual(starts.toSorted((a, b) => b - a))
        cursor = page.nextCursor
      } while (cursor !== null)
      expect([seed, q, ids.toSorted(), total]).toEqual([seed, q, expected, expected.length])
      if (expected.length > 0 && expected.length < 60) some++
    }
    expect(some).toBeGreaterThan(10)
    await close()
  }, 60_000)

  it('lists the runs of a service and says what one changed', async () => {
    const { store: own, close } = await engine.open()
    const run = (instance: string, version: string) => [
      { key: 'service.instance.id', value: { stringValue: instance } },
      { key: 'service.version', value: { stringValue: version } },
    ]
    const [a, b] = [run('a', '1.0'), run('b', '1.1')]
    const db = [{ key: 'db.system.name', value: { stringValue: 'postgresql' } }]
    const requests = (resource: typeof a, from: number, at: number, dur: number, calls: number): SpanInput[] =>
      Array.from({ length: 20 }, (_, i): SpanInput[] => {
        const trace = from + i
        const root = { trace, span: trace * 10, resource, name: 'GET /cart', at: at + i, dur: dur + i / 100 }
        const queries = Array.from(
          { length: calls },
          (_, c): SpanInput => ({
            ...{ trace, span: trace * 10 + c + 2, parent: trace * 10 + 1, resource, name: 'SELECT cart', kind: 3 },
            ...{ at: at + i, dur: 1, attributes: db },
          }),
        )
        return [root, { ...root, span: trace * 10 + 1, parent: trace * 10, name: 'load', kind: 1 }, ...queries]
      }).flat()
    const failure = {
      name: 'POST /pay',
      status: 2,
      dur: 5,
      attributes: [{ key: 'error.type', value: { stringValue: 'Timeout' } }],
    }
    const spans: SpanInput[] = [
      ...requests(a, 100, 0, 10, 1),
      { trace: 200, span: 2000, resource: a, name: 'GET /old', at: 30, dur: 4 },
      ...requests(b, 300, 1000, 40, 3),
      { trace: 400, span: 4000, resource: b, at: 1030, ...failure },
      { trace: 500, span: 5000, service: 'other', resource: b, at: 1 },
    ]
    // Requests and their database calls come apart.
    for (const part of [spans.filter(({ kind }) => kind !== 3), spans.filter(({ kind }) => kind === 3)])
      await own.writer.write({ spans: [spanBatch(part)], logs: [] })
    const query = { service: 'shop', start: T0 - MS, end: T0 + 3600 * 1000 * MS }
    const { items, others } = await own.reader.serviceRuns(query)
    expect(others).toBe(0)
    expect(items).toMatchObject([
      { id: 'instance b', instance: 'b', version: '1.1', first: T0 + 1000 * MS, spans: 101, requests: 21, errors: 1 },
      {
        id: 'instance a',
        instance: 'a',
        version: '1.0',
        first: T0,
        last: T0 + 30 * MS,
        spans: 61,
        requests: 21,
        errors: 0,
      },
    ])
    expect((items[0].p95 ?? 0) / (40 * MS)).toBeCloseTo(1, 1)
    const answer = await own.reader.serviceRunDifference({ ...query, before: 'instance a', after: 'instance b' })
    expect(answer.before).toEqual({ id: 'instance a', spans: 61, requests: 21 })
    const operation = (name: string) => answer.operations.find((one) => one.operation === name)
    expect(operation('GET /cart')).toMatchObject({
      request: true,
      before: { count: 20, errors: 0, databaseCalls: 20 },
      after: { count: 20, errors: 0, databaseCalls: 60 },
      p50: 'slower',
      p95: 'slower',
    })
    expect(operation('SELECT cart')).toMatchObject({ request: false, kind: 'CLIENT', p95: 'same' })
    expect(operation('GET /old')).toMatchObject({ before: { count: 1 }, after: null, p95: null })
    expect(operation('POST /pay')).toMatchObject({ before: null, after: { count: 1, errors: 1 } })
    expect(answer.errors).toEqual([{ operation: 'POST /pay', error: 'Timeout', before: 0, after: 1 }])
    expect(answer.databaseCalls).toEqual([{ request: 'GET /cart', statement: 'SELECT cart', before: 20, after: 60 }])
    expect(answer.partial).toBeNull()
    await close()
  })

  it('ranks what sets a selection of traces apart, and passes over what is chance or differs for each', async () => {
    const selection = { start: T0, end: T0 + 600 * MS, minDuration: 500 * MS, maxDuration: null }
    const answer = await store.reader.compareSelection(traceQuery(), selection)
    expect(answer.selection).toEqual({ traces: 30, of: 30 })
    expect(answer.rest).toEqual({ traces: 570, of: 570 })
    expect(answer.keys.map(({ key }) => key)).toEqual(['retry.id', 'bytes', 'db.pool', 'shard', 'status'])
    const [retry, bytes, pool, shard, status] = answer.keys
    expect(bytes.values[0]).toMatchObject({ value: null, range: { from: 50_000, to: 100_000 }, selection: 30, rest: 1 })
    expect(bytes.values.every(({ range }) => range !== undefined)).toBe(true)
    expect(retry).toMatchObject({ selection: 30, rest: 0, values: [{ value: null, selection: 30, rest: 0 }] })
    expect(pool.values).toMatchObject([
      { value: 'orders-2', selection: 30, rest: 12 },
      { value: 'orders-1', selection: 0, rest: 558 },
    ])
    expect(pool.values[0].difference).toBeGreaterThan(0.6)
    expect(pool.values[1].difference).toBeLessThan(-0.6)
    expect(status.values[0]).toMatchObject({ value: 'error', selection: 15, rest: 0 })
    // Every twentieth request is slow, so all of them fall on one shard of four.
    expect(shard.values[0]).toMatchObject({ value: '0', selection: 30, rest: 120 })
    expect(answer.keys.some(({ key }) => key === 'user.id')).toBe(false)

    const filtered = { ...traceQuery(), service: 'nobody' }
    expect(await store.reader.compareSelection(filtered, selection)).toMatchObject({
      selection: { traces: 0, of: 0 },
      rest: { traces: 0, of: 0 },
      keys: [],
    })
  })
})
