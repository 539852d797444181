import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { HOUR, logBatches, runs, spanBatches, T0 } from './arbitrary.ts'
import { logBatch, spanBatch, spanHex, type TestLog, type TestSpan, traceHex } from './spans.ts'
import { TestStore } from './test-store.ts'

let store: TestStore | null = null
afterEach(() => {
  store?.stop()
  store = null
})

/** A store of its own with spans and records in several blocks, some of them merged. */
function filled(spanLists: { offset: number }[][], logLists: Omit<TestLog, 'body'>[][], merged: boolean) {
  store?.stop()
  store = null
  store = new TestStore(T0 / 1000)
  const spans: TestSpan[] = []
  const logs: TestLog[] = []
  for (const list of spanLists as (Omit<TestSpan, 'span' | 'start'> & { offset: number })[][]) {
    const made = list.map(({ offset, ...row }, i) => ({ ...row, start: T0 + offset, span: spans.length + 1 + i }))
    store.write([spanBatch(made, store.nowUs)], [])
    spans.push(...made)
  }
  for (const list of logLists) {
    const made = list.map((row, i) => ({ ...row, body: `line ${logs.length + i}` }))
    store.write([], [logBatch(made, store.nowUs)])
    logs.push(...made)
  }
  if (merged) store.compact()
  return { db: store, spans, logs }
}

function counted(values: Iterable<string>): { value: string; count: number }[] {
  return [...Map.groupBy(values, (value) => value)]
    .map(([value, list]) => ({ value, count: list.length }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
}

const RESOURCE_KEYS = ['service.name', 'zone']
/** Keys of a row and of its resource, each once. */
const keysOf = (row: { attributes: object }): string[] => [
  ...new Set([...Object.keys(row.attributes), ...RESOURCE_KEYS]),
]

describe('catalogue', () => {
  it('counts services, operations, tag keys and tag values as a look at every row does', () => {
    fc.assert(
      fc.property(spanBatches, logBatches, fc.boolean(), (spanLists, logLists, merged) => {
        const { db, spans, logs } = filled(spanLists, logLists, merged)
        const range = { start: T0 - HOUR, end: T0 + 20 * HOUR }
        const services = db.methods.services(range, db.guard())
        for (const { service, spans: count, errors, logs: records } of services) {
          const own = spans.filter((span) => span.service === service)
          expect(count).toBe(own.length)
          expect(errors).toBe(own.filter(({ status }) => status === 2).length)
          expect(records).toBe(logs.filter((log) => log.service === service).length)
        }
        expect(services.map(({ service }) => service)).toEqual(
          [...new Set([...spans, ...logs].map(({ service }) => service))].sort(),
        )
        expect(db.methods.operations(null, db.guard())).toEqual(counted(spans.map(({ name }) => name)))
        expect(db.methods.operations('db', db.guard())).toEqual(
          counted(spans.filter(({ service }) => service === 'db').map(({ name }) => name)),
        )
        for (const [signal, rows] of [['traces', spans] as const, ['logs', logs] as const]) {
          expect(db.methods.tagKeys(signal, db.guard())).toEqual(counted(rows.flatMap(keysOf)))
          const ask = (key: string, prefix: string, limit: number) =>
            db.methods.tagValues({ signal, key, prefix, limit }, db.guard())
          const values = (key: string) =>
            rows.flatMap((row) => {
              const own = (row.attributes as Record<string, unknown>)[key]
              if (own !== undefined) return [String(own)]
              return key === 'zone' ? [`zone-${row.service}`] : []
            })
          expect(ask('k', '', 100)).toEqual(counted(values('k')))
          expect(ask('zone', '', 100)).toEqual(counted(values('zone')))
          expect(ask('zone', 'zone-', 2)).toEqual(
            counted(values('zone').filter((value) => value.startsWith('zone-'))).slice(0, 2),
          )
          expect(ask('service', '', 100)).toEqual(counted(rows.map(({ service }) => service)))
        }
      }),
      runs(30, 500),
    )
  })
})

describe('SQL', () => {
  it('sees every span and record once, with the values that were stored', () => {
    fc.assert(
      fc.property(spanBatches, logBatches, fc.boolean(), (spanLists, logLists, merged) => {
        const { db, spans, logs } = filled(spanLists, logLists, merged)
        const all = db.sql(
          'SELECT trace_id, span_id, parent_id, name, start, dur, service, status, attributes FROM _traces ORDER BY span_id',
        )
        const none = (id: number): string | null => (id === 0 ? null : spanHex(id))
        expect(all.truncated).toBe(false)
        expect(all.rows).toEqual(
          spans.map((span) => [
            traceHex(span.trace),
            spanHex(span.span),
            none(span.parent),
            span.name,
            span.start,
            span.dur,
            span.service,
            ['UNSET', 'OK', 'ERROR'][span.status],
            expect.any(String),
          ]),
        )
        all.rows.forEach((row, i) => {
          expect(JSON.parse(row[8] as string)).toEqual(spans[i].attributes)
        })
        const sums = db.sql(
          'SELECT service, count(*) AS n, sum(dur) AS total FROM _traces GROUP BY service ORDER BY service',
        )
        expect(sums.columns).toEqual(['service', 'n', 'total'])
        expect(sums.rows).toEqual(
          [...Map.groupBy(spans, ({ service }) => service)]
            .map(([service, own]) => [service, own.length, own.reduce((sum, { dur }) => sum + dur, 0)])
            .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
        )
        const bodies = db.sql('SELECT body, severity, time FROM _logs')
        expect(bodies.rows.toSorted()).toEqual(
          logs.map(({ body, severity, time }) => [body, severity, time]).toSorted(),
        )
        const joined = db.sql('SELECT count(*) FROM _logs JOIN _traces USING (trace_id)')
        const pairs = logs.reduce((sum, log) => sum + spans.filter(({ trace }) => trace === log.trace).length, 0)
        expect(joined.rows).toEqual([[pairs]])
        if (spans.length > 3)
          expect(db.sql('SELECT name FROM _traces', 3)).toMatchObject({ truncated: true, rows: { length: 3 } })
      }),
      runs(25, 300),
    )
  })

  it.each([
    'DELETE FROM _traces',
    'PRAGMA user_version = 3',
    "ATTACH '/tmp/x.db' AS x",
    'CREATE TABLE t (a)',
    'SELECT 1; SELECT 2',
    'SELECT nonsense FROM _traces',
    'INSERT INTO _logs VALUES (1)',
    'WITH x AS (SELECT 1) DELETE FROM _traces',
    '',
  ])('refuses %j with bad_sql', (query) => {
    const { db } = filled([], [], false)
    expect(() => db.sql(query)).toThrow(expect.objectContaining({ code: 'bad_sql' }))
  })
})
