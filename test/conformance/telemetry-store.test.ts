import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LogRecord, Trace, TraceSummary } from '../../core/model/records.ts'
import { parseFilter } from '../../core/query/filter-language.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { seededRandom } from '../demo/shop.ts'
import { engines, furtherEngines, type OpenedStore } from './engines.ts'
import {
  logBatch,
  logQuery,
  MS,
  randomFilter,
  randomTelemetry,
  spanBatch,
  T0,
  traceId,
  traceQuery,
  VALUES,
} from './telemetry-rows.ts'

const both = engines()
/** The same on further servers takes its time: in the long run only. */
const further = process.env.GLASSBOX_LONG ? furtherEngines() : []
const named = [...both.map((engine) => [engine.name, engine] as const), ...further]
const all = named.map(([, engine]) => engine)
beforeAll(async () => {
  for (const engine of all) await engine.start()
}, 120_000)
afterAll(async () => {
  for (const engine of all) await engine.stop()
})

const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1)
const sortedLog = (log: LogRecord) => ({ ...log, id: '', attributes: log.attributes.toSorted(byKey) })
/** A trace with its attributes in one order; where they lie is each engine's own business. */
const sortedTrace = (trace: Trace | null) =>
  trace && {
    ...trace,
    spans: trace.spans.map((span) => ({ ...span, attributes: span.attributes.toSorted(byKey) })),
    logs: trace.logs.map(sortedLog),
  }
const ids = (items: TraceSummary[]): string[] => items.map((item) => item.traceId)

async function allPages<T>(page: (cursor: string | null) => Promise<{ items: T[]; nextCursor: string | null }>) {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const answer: { items: T[]; nextCursor: string | null } = await page(cursor)
    items.push(...answer.items)
    cursor = answer.nextCursor
  } while (cursor !== null)
  return items
}

describe.each(named)('%s', (_, engine) => {
  let opened: OpenedStore
  let store: TelemetryStore
  beforeEach(async () => {
    opened = await engine.open()
    store = opened.store
  })
  afterEach(() => opened.close())
  const write = (spans: Parameters<typeof spanBatch>[0], logs: Parameters<typeof logBatch>[0] = []) =>
    store.writer.write({
      spans: spans.length > 0 ? [spanBatch(spans)] : [],
      logs: logs.length > 0 ? [logBatch(logs)] : [],
    })

  it('answers an empty store with empty lists', async () => {
    const { reader } = store
    expect(await reader.searchTraces(traceQuery())).toEqual({ items: [], nextCursor: null, partial: null })
    expect(await reader.searchLogs(logQuery())).toEqual({ items: [], nextCursor: null, partial: null })
    expect(await reader.trace(traceId(1))).toBeNull()
    expect(await reader.trace('no id')).toBeNull()
    expect((await reader.traceHistogram(traceQuery(), 10)).total).toBe(0)
    expect(await reader.services({ start: 0, end: 4e15 })).toEqual([])
    expect(await reader.tagKeys('traces')).toEqual([])
    expect(await reader.operations(null)).toEqual([])
    expect(await store.stats()).toMatchObject({ engine: engine.name, spans: 0, logs: 0, mode: 'normal' })
  })

  it('stores spans and log records and counts them, a repeated span once', async () => {
    const spans = [
      { trace: 1, span: 1, at: 0, dur: 10 },
      { trace: 1, span: 2, parent: 1, at: 1, service: 'cart', status: 2 },
    ]
    const first = await write(spans, [{ at: 2, body: 'hello', trace: 1 }])
    expect(first).toMatchObject({ storedSpans: 2, storedLogs: 1, duplicateSpans: 0 })
    const second = await write(spans, [{ at: 2, body: 'hello', trace: 1 }])
    expect(second).toMatchObject({ storedSpans: 0, storedLogs: 1, duplicateSpans: 2 })
    expect(second.seq).toBeGreaterThan(first.seq)
    expect(await store.stats()).toMatchObject({ spans: 2, logs: 2 })
    const page = await store.reader.searchTraces(traceQuery())
    expect(page.items).toMatchObject([
      {
        traceId: traceId(1),
        service: 'shop',
        status: 'ERROR',
        spanCount: 2,
        errorCount: 1,
        services: ['cart', 'shop'],
      },
    ])
    const trace = await store.reader.trace(traceId(1))
    expect(trace?.logs.map(({ body }) => body)).toEqual(['hello', 'hello'])
    expect(await store.reader.services({ start: T0 - MS, end: T0 + 1000 * MS })).toEqual([
      { service: 'cart', spans: 1, errors: 1, logs: 0, firstSeen: T0 + MS, lastSeen: T0 + MS },
      { service: 'shop', spans: 1, errors: 0, logs: 2, firstSeen: T0, lastSeen: T0 + 2 * MS },
    ])
  })

  it('takes a late span into its trace, which then begins and ends where it does', async () => {
    await write([{ trace: 1, span: 2, parent: 1, at: 100, dur: 5 }])
    expect((await store.reader.searchTraces(traceQuery())).items).toMatchObject([
      { rootMissing: true, start: T0 + 100 * MS },
    ])
    await write([{ trace: 1, span: 1, at: 0, dur: 200, name: 'root' }])
    expect((await store.reader.searchTraces(traceQuery())).items).toMatchObject([
      { rootMissing: false, name: 'root', start: T0, dur: 200 * MS, spanCount: 2 },
    ])
    expect((await store.reader.traceHistogram(traceQuery(), 4)).total).toBe(1)
  })

  it('finds a trace whose spans were received on two days, in one write, by when it began', async () => {
    const midnight = Math.floor(Date.now() / 86_400_000) * 86_400e6
    const spans = [
      spanBatch([{ trace: 1, span: 1, at: 0 }], midnight - 1),
      spanBatch([{ trace: 1, span: 2, parent: 1, at: 1_800_000 }], midnight),
    ]
    await store.writer.write({ spans, logs: [] })
    const began = traceQuery({ start: T0, end: T0 + 1000 * MS })
    expect(ids((await store.reader.searchTraces(began)).items)).toEqual([traceId(1)])
    expect((await store.reader.traceHistogram(began, 4)).total).toBe(1)
  })

  it('finds a trace by what it did hours after the window, and knows where it began and how it ended', async () => {
    const HOUR_MS = 3_600_000
    const late = (n: number, hours: number) => ({ trace: n, span: n * 100 + hours, parent: n, at: hours * HOUR_MS })
    await write([1, 2, 3].map((n) => ({ trace: n, span: n, at: n })))
    await write([{ trace: 50, span: 50, at: 5 * HOUR_MS, service: 'mail' }])
    await write([{ ...late(1, 5), service: 'mail', status: 2 }, late(2, 5)])
    await write([{ ...late(3, 9), service: 'mail', name: 'last' }])
    const { reader } = store
    const hour = { start: T0, end: T0 + 1000 * MS }
    const search = (changes: Parameters<typeof traceQuery>[0]) =>
      allPages((cursor) => reader.searchTraces(traceQuery({ ...hour, limit: 1, ...changes, cursor })))
    const total = async (changes: Parameters<typeof traceQuery>[0]) =>
      (await reader.traceHistogram(traceQuery({ ...hour, ...changes }), 4)).total
    for (const sort of ['start', 'duration'] as const) {
      expect(ids(await search({ sort, service: 'mail' }))).toEqual([traceId(3), traceId(1)])
      expect(ids(await search({ sort, operation: 'last' }))).toEqual([traceId(3)])
      expect(ids(await search({ sort, service: 'mail', status: 'error' }))).toEqual([traceId(1)])
    }
    expect(await total({ service: 'mail' })).toBe(2)
    expect(ids(await search({ status: 'error' }))).toEqual([traceId(1)])
    expect([await total({}), await total({ status: 'error' })]).toEqual([3, 1])
    expect([await total({ minDuration: 8e9 * 3.6 }), await total({ maxDuration: 8e9 * 3.6 })]).toEqual([1, 2])
    // Began before this window, by what lies hours before it.
    const later = { start: T0 + 4 * HOUR_MS * MS, end: T0 + 10 * HOUR_MS * MS }
    expect(ids(await search(later))).toEqual([traceId(50)])
    expect(await total(later)).toBe(1)
    // What arrives between two searches counts at once, also where it lies before what is known.
    await write([
      { ...late(2, 7), service: 'mail' },
      { trace: 50, span: 51, at: 4 },
    ])
    expect(ids(await search({ service: 'mail' }))).toEqual([50, 3, 2, 1].map(traceId))
    expect([await total({}), await total(later)]).toEqual([4, 0])
  })

  it('continues a search on the data of its first page while more arrives', async () => {
    const at = (i: number) => ({ trace: i, span: i, at: i })
    await write(
      Array.from({ length: 25 }, (_, i) => at(i + 1)),
      Array.from({ length: 25 }, (_, i) => ({ at: i, body: `m${i}` })),
    )
    const first = await store.reader.searchTraces(traceQuery({ limit: 10 }))
    const firstLogs = await store.reader.searchLogs(logQuery({ limit: 10 }))
    expect(ids(first.items)).toEqual(Array.from({ length: 10 }, (_, i) => traceId(25 - i)))
    // Newer, in between, and a late span that would move a trace of the next page.
    await write(
      [at(100), { trace: 200, span: 200, at: 12.5 }, { trace: 14, span: 999, at: -50 }],
      [{ at: 12.5, body: 'late' }],
    )
    const rest = await allPages((cursor) =>
      store.reader.searchTraces(traceQuery({ limit: 10, cursor: cursor ?? first.nextCursor })),
    )
    expect(ids(rest)).toEqual(Array.from({ length: 15 }, (_, i) => traceId(15 - i)))
    const restLogs = await allPages((cursor) =>
      store.reader.searchLogs(logQuery({ limit: 10, cursor: cursor ?? firstLogs.nextCursor })),
    )
    expect(restLogs.map(({ body }) => body)).toEqual(Array.from({ length: 15 }, (_, i) => `m${14 - i}`))
    await expect(store.reader.searchTraces(traceQuery({ cursor: 'nonsense' }))).rejects.toMatchObject({
      code: 'bad_cursor',
    })
  })

  it('gives values of every type back as they came', async () => {
    await write(
      VALUES.map((value, i) => ({ trace: 1, span: i + 1, at: i, attributes: [{ key: 'k', value }] })),
      VALUES.map((value, i) => ({ at: i, body: value, trace: 1, attributes: [{ key: 'k', value }] })),
    )
    const trace = await store.reader.trace(traceId(1))
    const clean = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value).replaceAll('\\u0000', '').replaceAll('\\ud800', '\ufffd'))
    const values = trace?.spans.map((span) => span.attributes[0].value)
    expect(values).toEqual(VALUES.map((value) => (Object.is(value.doubleValue, -0) ? value : clean(value))))
    expect(trace?.logs.map((log) => log.attributes[0].value)).toEqual(values)
  })

  it('follows what arrived since a write', async () => {
    const { seq } = await write([{ trace: 1, span: 1, at: 0 }])
    expect(await store.reader.changes(seq, 10)).toMatchObject({ seq, traces: [], logs: [] })
    const later = await write(
      [
        { trace: 1, span: 2, parent: 1, at: 1 },
        { trace: 2, span: 3, at: 2 },
      ],
      [{ at: 3, body: 'new' }],
    )
    const changes = await store.reader.changes(seq, 1)
    expect(changes).toMatchObject({ seq: later.seq, skippedTraces: 1, skippedLogs: 0 })
    expect(ids(changes.traces)).toEqual([traceId(2)])
    expect(changes.logs.map(({ body }) => body)).toEqual(['new'])
    expect((await store.reader.changes(0, 0)).seq).toBe(later.seq)
  })

  it('runs one SELECT over the logical schema and nothing else', async () => {
    await write(
      [{ trace: 1, span: 1, at: 0, dur: 2, attributes: [{ key: 'http.status_code', value: { intValue: '500' } }] }],
      [{ at: 0, body: 'x' }],
    )
    const { sql } = store.reader
    expect(await sql('select trace_id, name, kind, start, dur, status, service, scope from _traces', 10)).toEqual({
      columns: ['trace_id', 'name', 'kind', 'start', 'dur', 'status', 'service', 'scope'],
      rows: [[traceId(1), 'GET /', 'SERVER', T0, 2 * MS, 'UNSET', 'shop', 'test']],
      truncated: false,
    })
    expect(
      (await sql('with big as (select * from _traces where dur >= 2000) select count(*), sum(dur) from big', 10)).rows,
    ).toEqual([[1, 2 * MS]])
    expect(await sql('select body from _logs union all select name from _traces order by 1 desc', 1)).toMatchObject({
      rows: [['x']],
      truncated: true,
    })
    const [[attributes, resource]] = (await sql('select attributes, resource from _traces', 1)).rows as string[][]
    expect([JSON.parse(attributes), JSON.parse(resource)]).toEqual([
      { 'http.status_code': 500 },
      { 'service.name': 'shop' },
    ])
    for (const bad of [
      'delete from _traces',
      'select 1; select 2',
      'select * from nothing',
      'selec',
      'create table t (a int)',
      'select * from pg_catalog.pg_authid',
      "select pg_read_file('/etc/passwd')",
      'with x as (delete from _traces returning 1) select * from x',
    ]) {
      await expect(sql(bad, 10), bad).rejects.toMatchObject({ code: 'bad_sql' })
    }
    expect((await store.stats()).spans).toBe(1)
  })

  it('stops a query that is cancelled or late, and answers the next one', async () => {
    await write(Array.from({ length: 300 }, (_, i) => ({ trace: i + 1, span: 1, at: i })))
    const slow =
      'select count(*) from _traces a, _traces b, _traces c, _traces d where a.dur + b.dur + c.dur + d.dur < 0'
    await expect(store.reader.sql(slow, 10, { timeoutMs: 200 })).rejects.toMatchObject({ code: 'query_timeout' })
    const stop = new AbortController()
    const cancelled = store.reader.sql(slow, 10, { signal: stop.signal })
    stop.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'query_cancelled' })
    await expect(store.reader.searchTraces(traceQuery(), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'query_cancelled',
    })
    expect((await store.reader.searchTraces(traceQuery())).items).toHaveLength(50)
  })

  it('completes keys, values and operations', async () => {
    const tier = (value: string) => [{ key: 'tier', value: { stringValue: value } }]
    await write([
      { trace: 1, span: 1, at: 0, name: 'a', attributes: tier('gold') },
      { trace: 2, span: 2, at: 1, name: 'a', attributes: tier('gold') },
      {
        trace: 3,
        span: 3,
        at: 2,
        name: 'b',
        service: 'cart',
        attributes: [...tier('silver'), { key: 'n', value: { intValue: '7' } }],
      },
    ])
    const { reader } = store
    expect(await reader.tagKeys('traces')).toEqual([
      { value: 'service.name', count: 3 },
      { value: 'tier', count: 3 },
      { value: 'n', count: 1 },
    ])
    expect(await reader.tagValues('traces', 'tier', '', 10)).toEqual([
      { value: 'gold', count: 2 },
      { value: 'silver', count: 1 },
    ])
    expect(await reader.tagValues('traces', 'tier', 's', 10)).toEqual([{ value: 'silver', count: 1 }])
    expect(await reader.tagValues('traces', 'service.name', 'c', 10)).toEqual([{ value: 'cart', count: 1 }])
    expect(await reader.tagValues('traces', 'service', '', 1)).toEqual([{ value: 'shop', count: 2 }])
    expect(await reader.operations(null)).toEqual([
      { value: 'a', count: 2 },
      { value: 'b', count: 1 },
    ])
    expect(await reader.operations('cart')).toEqual([{ value: 'b', count: 1 }])
  })

  // SQLite dates receipt by its own clock, which no caller sets: test/unit/storage/writer.test.ts has its ages.
  it.runIf(engine.name === 'postgres')('removes by age of receipt and says when a trace went', async () => {
    const now = Date.now() * 1000
    const old = now - 20 * 86_400e6
    await store.writer.write({
      spans: [spanBatch([{ trace: 1, span: 1, at: 0 }], old)],
      logs: [logBatch([{ at: 0, body: 'old' }], old)],
    })
    await store.writer.write({
      spans: [spanBatch([{ trace: 2, span: 2, at: 0 }], now)],
      logs: [logBatch([{ at: 0, body: 'new' }], now)],
    })
    const removed = await store.runRetention({ tracesDays: 7, tracesBytes: 1e12, logsDays: 7 })
    expect(removed).toMatchObject({ spans: 1, logs: 1, paused: null })
    expect(ids((await store.reader.searchTraces(traceQuery())).items)).toEqual([traceId(2)])
    await expect(store.reader.trace(traceId(1))).rejects.toMatchObject({ code: 'trace_removed' })
    expect(await store.stats()).toMatchObject({ spans: 1, logs: 1 })
  })

  it('tells log records of a trace from those of none', async () => {
    await write(
      [],
      [
        { at: 0, body: 'of a trace', trace: 1 },
        { at: 1, body: 'of none' },
        { at: 2, body: 'of none either', service: 'cart' },
      ],
    )
    const bodies = async (traced?: boolean) =>
      (await store.reader.searchLogs({ ...logQuery(), traced })).items.map((one) => one.body)
    expect(await bodies(true)).toEqual(['of a trace'])
    expect(await bodies(false)).toEqual(['of none either', 'of none'])
    expect(await bodies()).toHaveLength(3)
    expect((await store.reader.logHistogram({ ...logQuery(), traced: false, service: 'cart' }, 4)).total).toBe(1)
  })

  it('keeps pinned traces whole when retention runs, and lets them go when they are unpinned', async () => {
    const old = Date.now() * 1000 - 20 * 86_400e6
    const spans = [
      { trace: 1, span: 1, at: 0, status: 2 },
      { trace: 1, span: 2, parent: 1, at: 1, service: 'cart' },
      { trace: 2, span: 3, at: 2 },
    ]
    const logs = [
      { at: 0, body: 'of the pinned one', trace: 1 },
      { at: 1, body: 'of the other', trace: 2 },
    ]
    await store.writer.write({ spans: [spanBatch(spans, old)], logs: [logBatch(logs, old)] })
    const before = sortedTrace(await store.reader.trace(traceId(1)))
    // By age on Postgres, whose clock is the caller's; by size on SQLite.
    const policy = { tracesDays: 7, tracesBytes: 1, logsDays: 7 }
    store.setPinned([traceId(1)])
    for (const removed of [1, 0]) {
      expect(await store.runRetention(policy)).toMatchObject({ spans: removed, paused: null })
      expect(sortedTrace(await store.reader.trace(traceId(1)))).toEqual(before)
      expect(ids((await store.reader.searchTraces(traceQuery())).items)).toEqual([traceId(1)])
      expect(await store.stats()).toMatchObject({ spans: 2 })
    }
    await expect(store.reader.trace(traceId(2))).rejects.toMatchObject({ code: 'trace_removed' })
    const range = { start: T0 - MS, end: T0 + 1000 * MS }
    expect((await store.reader.services(range)).map((one) => [one.service, one.spans]).sort()).toEqual([
      ['cart', 1],
      ['shop', 1],
    ])
    store.setPinned([])
    expect(await store.runRetention(policy)).toMatchObject({ spans: 2 })
    await expect(store.reader.trace(traceId(1))).rejects.toMatchObject({ code: 'trace_removed' })
  })
})

describe('both engines', () => {
  const seed = Number(process.env.SEED ?? 20260615)
  const rounds = process.env.GLASSBOX_LONG ? 400 : 60

  it(`answer alike on random data and filters (seed ${seed})`, async () => {
    const stores = await Promise.all(both.map((engine) => engine.open()))
    try {
      const { spans, logs } = randomTelemetry(seed, 300)
      for (const { store } of stores) {
        for (let at = 0; at < spans.length; at += 100) {
          await store.writer.write({
            spans: [spanBatch(spans.slice(at, at + 100))],
            logs: [logBatch(logs.slice(at, at + 100))],
          })
        }
      }
      const answers = <T>(ask: (store: TelemetryStore) => Promise<T>): Promise<T[]> =>
        Promise.all(stores.map(({ store }) => ask(store)))
      const alike = async <T>(what: string, ask: (store: TelemetryStore) => Promise<T>): Promise<T> => {
        const [sqlite, postgres] = await answers(ask)
        expect(postgres, what).toEqual(sqlite)
        return sqlite
      }
      const random = seededRandom(seed)
      let matched = 0
      for (let round = 0; round < rounds; round++) {
        const text = randomFilter(random, 'traces')
        const filter = parseFilter(text)
        const status = random() < 0.2 ? ('error' as const) : null
        const minDuration = random() < 0.2 ? 400 * MS : null
        const window = random() < 0.3 ? { start: T0 + 200 * MS, end: T0 + 700 * MS } : {}
        const sort = random() < 0.3 ? ('duration' as const) : ('start' as const)
        const query = traceQuery({ filter, status, minDuration, sort, limit: 17, ...window })
        const found = await alike(text, ({ reader }) => allPages((cursor) => reader.searchTraces({ ...query, cursor })))
        matched += found.length
        expect((await alike(text, ({ reader }) => reader.traceHistogram(query, 7))).total).toBe(found.length)
        const logText = randomFilter(random, 'logs')
        const forLogs = logQuery({
          filter: parseFilter(logText),
          severity: random() < 0.2 ? 9 : null,
          limit: 40,
          ...window,
        })
        const foundLogs = await alike(logText, async ({ reader }) =>
          (await allPages((cursor) => reader.searchLogs({ ...forLogs, cursor }))).map(sortedLog),
        )
        matched += foundLogs.length
        expect((await alike(logText, ({ reader }) => reader.logHistogram(forLogs, 7))).total).toBe(foundLogs.length)
      }
      expect(matched).toBeGreaterThan(rounds)
      for (const trace of new Set(spans.map((span) => span.trace))) {
        await alike(`trace ${trace}`, async ({ reader }) => sortedTrace(await reader.trace(traceId(trace))))
      }
      const range = { start: T0 - 1000 * MS, end: T0 + 10_000 * MS }
      await alike('services', ({ reader }) => reader.services(range))
      const graph = await alike('service graph', ({ reader }) => reader.serviceGraph(range))
      for (const { id: node, calls, errors } of graph.nodes.slice(0, 3)) {
        const trend = { ...range, node, buckets: 7 }
        const { buckets } = await alike(`trend of ${node}`, ({ reader }) => reader.nodeTrend(trend))
        const sum = (of: 'calls' | 'errors'): number => buckets.reduce((total, one) => total + one[of], 0)
        expect([sum('calls'), sum('errors')]).toEqual([calls, errors])
      }
      await alike('operations', ({ reader }) => reader.operations('shop'))
      for (const signal of ['traces', 'logs'] as const) {
        for (const { value } of await alike('tag keys', ({ reader }) => reader.tagKeys(signal))) {
          await alike(`values of ${value}`, ({ reader }) => reader.tagValues(signal, value, '', 100))
        }
      }
    } finally {
      for (const { close } of stores) await close()
    }
  }, 120_000)
})
