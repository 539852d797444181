import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { applySettings, defaultSettings } from '../../../core/config/settings.ts'
import { parseFilter } from '../../../core/query/filter-language.ts'
import { openStore } from '../../../core/storage/open-store.ts'
import { changesSince, SeenWrites } from '../../../core/storage/postgres/changes.ts'
import { connect, readTarget } from '../../../core/storage/postgres/connection.ts'
import { ensurePart, partitionName } from '../../../core/storage/postgres/parts.ts'
import { logHistogram, searchLogs } from '../../../core/storage/postgres/search-logs.ts'
import { searchTraces, traceHistogram } from '../../../core/storage/postgres/search-traces.ts'
import { serviceGraph } from '../../../core/storage/postgres/service-graph.ts'
import { Entries, Session } from '../../../core/storage/postgres/session.ts'
import { SpreadTraces } from '../../../core/storage/postgres/spread-traces.ts'
import { operations, services, tagKeys, tagValues } from '../../../core/storage/postgres/tags.ts'
import { readTrace } from '../../../core/storage/postgres/trace-read.ts'
import { closeFullParts, indexClosedPart } from '../../../core/storage/postgres/upkeep.ts'
import { logBatch, logQuery, MS, spanBatch, T0, traceId, traceQuery } from '../../conformance/telemetry-rows.ts'
import { explained } from '../../fixtures/explained-session.ts'
import { type PostgresServer, startPostgres } from '../../fixtures/postgres-server.ts'

const DAY = 86_400e6
const DAYS = 4
const MANY = 5000
let server: PostgresServer
let url = ''
let client: pg.Client
const folder = mkdtempSync(join(tmpdir(), 'glassbox-plans-'))
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }

beforeAll(async () => {
  server = await startPostgres()
  url = await server.freshUrl()
  const settings = applySettings(defaultSettings, {
    'storage.engine': 'postgres',
    'storage.postgresUrl': url,
    'storage.reserveBytes': 0,
  })
  const store = await openStore({ dataDir: folder, settings, log })
  // One trace and one record a day of receipt, each at the time of its receipt.
  for (let day = 0; day < DAYS; day++) {
    const at = (day * DAY) / MS
    const row = {
      trace: day + 1,
      span: day + 1,
      at,
      dur: 5,
      attributes: [{ key: 'user.id', value: { stringValue: `u${day}` } }],
    }
    await store.writer.write({
      spans: [spanBatch([row], T0 + day * DAY)],
      logs: [logBatch([{ at, body: `record ${day}`, trace: day + 1 }], T0 + day * DAY)],
    })
  }
  // So many that the index of attributes is worth its while.
  const many = Array.from({ length: MANY }, (_, i) => ({
    trace: 100 + i,
    span: 100 + i,
    at: DAY / MS + i / 100,
    attributes: [{ key: 'user.id', value: { stringValue: `other ${i}` } }],
  }))
  await store.writer.write({ spans: [spanBatch(many, T0 + DAY)], logs: [] })
  await store.stop()
  client = await connect(readTarget(url, 'glassbox'))
}, 60_000)
afterAll(async () => {
  await client.end()
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Partitions and indexes that a query looks at. */
async function looksAt(work: (session: Session) => Promise<unknown>): Promise<{ tables: string[]; indexes: string[] }> {
  const nodes = await explained(client, work)
  const named = (names: (string | undefined)[]): string[] =>
    [...new Set(names.filter((name) => name !== undefined))].sort()
  const parts = /^_(traces|extents|logs)_\d/
  return {
    tables: named(nodes.map((node) => node['Relation Name'])).filter((name) => parts.test(name)),
    indexes: named(nodes.map((node) => node['Index Name'])),
  }
}

const day = (number: number) => ({ start: T0 + number * DAY - MS, end: T0 + number * DAY + 1000 * MS })
const partition = (table: 'traces' | 'extents' | 'logs', number: number): string =>
  partitionName(table, (Math.floor(T0 / DAY) + number) * 1000)
const ONE = [partition('extents', 1), partition('traces', 1)]

it.each([
  ['newest page', (s: Session) => searchTraces(s, { ...traceQuery(), ...day(1) })],
  ['failed traces', (s: Session) => searchTraces(s, { ...traceQuery(), ...day(1), status: 'error' })],
  ['slow traces', (s: Session) => searchTraces(s, { ...traceQuery(), ...day(1), minDuration: 1, sort: 'duration' })],
  ['by service', (s: Session) => searchTraces(s, { ...traceQuery(), ...day(1), service: 'shop' })],
  ['by attribute', (s: Session) => searchTraces(s, { ...traceQuery(), ...day(1), filter: parseFilter('user.id=u1') })],
  ['histogram', (s: Session) => traceHistogram(s, { ...traceQuery(), ...day(1) }, 10)],
  ['histogram by operation', (s: Session) => traceHistogram(s, { ...traceQuery(), ...day(1), operation: 'GET /' }, 10)],
  ['service graph', (s: Session) => serviceGraph(s, day(1))],
  ['services', (s: Session) => services(s, day(1))],
])('%s looks only at the parts of its range', async (_, work) => {
  const { tables } = await looksAt(work)
  // The spans and extents of a trace that was found may lie in any part: they are asked for by its id alone.
  const beyond = tables.filter((name) => !ONE.includes(name))
  const byId = await looksAt(async (session) => readTrace(session, traceId(2)))
  const indexes = (await looksAt(work)).indexes
  for (const name of beyond) expect(indexes).toContain(`${name}_trace`)
  expect(byId.indexes).toContain(`${partition('traces', 1)}_trace`)
})

it('counts, lists and searches of one day leave the other days alone', async () => {
  const only = async (work: (session: Session) => Promise<unknown>): Promise<string[]> => (await looksAt(work)).tables
  expect(await only((s) => traceHistogram(s, { ...traceQuery(), ...day(1) }, 10))).toEqual([partition('extents', 1)])
  expect(await only((s) => serviceGraph(s, day(1)))).toEqual([partition('traces', 1)])
  expect(await only((s) => services(s, day(1)))).toEqual([])
  expect(await only((s) => searchLogs(s, { ...logQuery(), ...day(1) }))).toEqual([partition('logs', 1)])
  expect(await only((s) => logHistogram(s, { ...logQuery(), ...day(1) }, 10))).toEqual([partition('logs', 1)])
  expect(await only((s) => searchLogs(s, { ...logQuery(), start: T0 - 10 * DAY, end: T0 - 9 * DAY }))).toEqual([])
})

it('reads a trace by its index in every part, as its time is not known', async () => {
  const { tables, indexes } = await looksAt((session) => readTrace(session, traceId(2)))
  const traces = tables.filter((name) => name.startsWith('_traces_'))
  expect(traces.length).toBeGreaterThanOrEqual(DAYS)
  for (const name of tables) expect(indexes).toContain(`${name}_trace`)
})

it('asks for the extents and the spans of what it found in the parts of its time alone', async () => {
  for (const changes of [{}, { service: 'shop' }, { status: 'ok' as const }]) {
    const { tables } = await looksAt((s) => searchTraces(s, { ...traceQuery(), ...day(1), ...changes }))
    expect(tables.filter((name) => !ONE.includes(name))).toEqual([])
  }
})

it('completes from the newest writes and tails from new ones, not from all parts', async () => {
  const newest = [0, 1, 2, 3].map((number) => partition('traces', number))
  for (const work of [
    (s: Session) => tagKeys(s, 'traces'),
    (s: Session) => tagValues(s, 'traces', 'user.id', '', 10),
    (s: Session) => operations(s, null),
  ])
    expect((await looksAt(work)).tables).toEqual(newest)
  const seen = new SeenWrites()
  const { tables } = await looksAt((session) => changesSince(session, seen, DAYS - 1, 10))
  expect(tables.filter((name) => name.startsWith('_logs'))).toEqual([partition('logs', 1), partition('logs', 3)])
})

it('passes no rows of a part without an index for a value that none of its writes has', async () => {
  const ask = (text: string) => (session: Session) =>
    searchTraces(session, { ...traceQuery(), start: T0 - DAY, end: T0 + 9 * DAY, filter: parseFilter(text) })
  expect((await looksAt(ask('user.id=nobody'))).tables).toEqual([])
  // Of the part of that day, and of the trace that was found there.
  expect((await looksAt(ask('user.id=u3'))).tables).toEqual([partition('extents', 3), partition('traces', 3)])
  // What an earlier version wrote is told of by no filter: the part is passed whole.
  await client.query('DELETE FROM glassbox._value_filters WHERE seq = (SELECT max(seq) FROM glassbox._value_filters)')
  expect((await looksAt(ask('user.id=nobody'))).tables).toEqual([partition('traces', 1)])
})

it('looks once at which traces reach far, however many ask at the same time', async () => {
  const spread = new SpreadTraces()
  const clients = await Promise.all([0, 1, 2].map(() => connect(readTarget(url, 'glassbox'))))
  const looks: string[] = []
  try {
    await Promise.all(
      clients.map(async (one) => {
        const counting = {
          query(sql: string, values?: unknown[]) {
            if (/HAVING/.test(sql)) looks.push(sql)
            return one.query(sql, values)
          },
        }
        await one.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
        const session = new Session(counting as unknown as pg.ClientBase, 'glassbox', new Entries(), spread)
        await spread.within(session, 0, 0)
      }),
    )
    expect(looks).toHaveLength(1)
  } finally {
    for (const one of clients) await one.end()
  }
})

it('closes a full part, goes on in the next, and finds attributes of the closed one by their index', async () => {
  const target = { ...readTarget(url, 'glassbox'), sslMode: 'disable' as const }
  expect(await closeFullParts(client, 'glassbox', T0 + DAYS * DAY, false, 1)).toBe(true)
  await client.query("UPDATE glassbox._parts SET closed = closed - interval '2 minutes' WHERE closed IS NOT NULL")
  while (await indexClosedPart(target)) {
    // One part a call.
  }
  const { indexes } = await looksAt((session) =>
    traceHistogram(session, { ...traceQuery(), ...day(1), filter: parseFilter('user.id=u1') }, 10),
  )
  expect(indexes).toContain(`${partition('traces', 1)}_attributes`)
})

it('makes a part while others read and write, and waits for none of them', async () => {
  const [reader, maker] = await Promise.all([0, 1].map(() => connect(readTarget(url, 'glassbox'))))
  const part = (Math.floor(T0 / DAY) + 40) * 1000
  try {
    await reader.query('BEGIN')
    await reader.query(
      `SELECT 1 FROM glassbox._extents LIMIT 1; LOCK TABLE glassbox._traces, glassbox._logs IN ROW EXCLUSIVE MODE`,
    )
    await ensurePart(maker, 'glassbox', part, false)
    const { rows } = await maker.query('SELECT relpersistence FROM pg_class WHERE oid = to_regclass($1)', [
      `glassbox.${partitionName('traces', part)}`,
    ])
    expect(rows).toEqual([{ relpersistence: 'u' }])
  } finally {
    for (const one of [reader, maker]) await one.end()
  }
})
