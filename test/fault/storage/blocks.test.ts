import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseFilter } from '../../../core/query/filter-language.ts'
import { seededRandom } from '../../demo/shop.ts'
import { logBatch, spanBatch, traceHex } from '../../unit/storage-read/spans.ts'
import { TestStore } from '../../unit/storage-read/test-store.ts'

const LONG = process.env.GLASSBOX_LONG === '1'
const SEED = Number(process.env.GLASSBOX_SEED ?? (LONG ? Date.now() % 1e9 : 11))
const random = seededRandom(SEED)
const T0 = Date.UTC(2026, 0, 15) * 1000
const BLOCKS = 8
const ROWS = 120
const RANGE = { start: T0, end: T0 + 3_600_000_000, cursor: null, filter: [] }
const TRACES = { ...RANGE, minDuration: null, maxDuration: null, status: null, service: null, operation: null }
const LOGS = { ...RANGE, severity: null, service: null, traceId: null, spanId: null }
const SECTIONS = {
  span: ['span_core', 'span_attr', 'span_rest'],
  log: ['log_core', 'log_attr', 'log_body'],
} as const

let store: TestStore
/** A second connection, which does the damage. */
let db: Database.Database

const all = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
const pick = (below: number): number => Math.floor(random() * below)

/** Block `block`'s rows; every trace lies in one block and is of one span, so that counts say what is missing. */
function writeBlock(block: number): void {
  const at = (row: number): number => T0 + block * 60_000_000 + row * 1000
  const id = (row: number): number => 1 + block * ROWS + row
  const attributes = (row: number) => ({ noise: `${random()}`, route: `/r/${row % 7}`, n: row, long: 'x'.repeat(300) })
  const spans = all(ROWS, (row) => ({
    ...{
      trace: id(row),
      span: id(row),
      parent: row % 3 ? 9_999_999 : 0,
      service: `s${row % 3}`,
      name: `op ${row % 11}`,
    },
    ...{ kind: 2, status: row % 9 ? 1 : 2, start: at(row), dur: 500 + row, attributes: attributes(row) },
  }))
  const logs = all(ROWS, (row) => ({
    ...{ time: at(row), ns: row, severity: 9, service: `s${row % 3}`, body: `record ${id(row)} ${random()}` },
    ...{ trace: id(row), attributes: attributes(row) },
  }))
  store.write([spanBatch(spans, store.nowUs)], [logBatch(logs, store.nowUs)])
}

beforeAll(() => {
  process.stdout.write(`seed ${SEED}\n`)
  store = new TestStore(T0 / 1000)
  for (let block = 0; block < BLOCKS; block++) writeBlock(block)
  db = new Database(join(store.dataDir, 'auxiliary.db'))
})
afterAll(() => {
  db.close()
  store.stop()
})

interface Place {
  signal: 'span' | 'log'
  table: string
  id: number
}

const readBlob = ({ table, id }: Place): Buffer =>
  db
    .prepare(`SELECT ${column(table)} FROM ${table} WHERE id = ?`)
    .pluck()
    .get(id) as Buffer
const writeBlob = ({ table, id }: Place, bytes: Buffer): void => {
  db.prepare(`UPDATE ${table} SET ${column(table)} = ? WHERE id = ?`).run(bytes, id)
}
const column = (table: string): string => (table.endsWith('_block') ? 'stats' : 'data')

/** A bit of one stored blob turned over. */
function flip(place: Place): { undo(): void; at: number } {
  const whole = readBlob(place)
  const bytes = Buffer.from(whole)
  const at = pick(bytes.length)
  bytes[at] ^= 1 << pick(8)
  writeBlob(place, bytes)
  return { at, undo: () => writeBlob(place, whole) }
}

/** Everything that is asked of storage, as far as it tells what is there. */
function answers() {
  const { methods } = store
  const guard = store.guard()
  const traces = { ...TRACES, limit: 2000 }
  const logs = { ...LOGS, limit: 2000 }
  return {
    traces: store.searchTraces(traces),
    slowest: store.searchTraces({ ...traces, sort: 'duration' }),
    filtered: store.searchTraces({ ...traces, filter: parseFilter('route=/r/3') }),
    histogram: store.traceHistogram(traces, 10).total,
    facets: methods.traceFacets({ query: traces, values: 5 }, guard).total,
    groups: methods.traceGroups({ query: traces, by: 'route' }, guard).total,
    logs: store.searchLogs(logs),
    logHistogram: store.logHistogram(logs, 10).total,
    logFacets: methods.logFacets({ query: logs, values: 5 }, guard).total,
    patterns: methods.logPatterns(logs, guard).total,
    spansBySql: store.sql('SELECT * FROM _traces').rows.length,
    logsBySql: store.sql('SELECT * FROM _logs').rows.length,
    services: methods.services(RANGE, guard).length,
    graph: methods.serviceGraph(RANGE, guard).spans,
    tags: methods.tagValues({ signal: 'traces', key: 'route', prefix: '', limit: 9 }, guard).length,
  }
}

it('finds a flipped bit wherever it lies in a block, answers the rest and says that something is missing', () => {
  const whole = answers()
  expect(whole).toMatchObject({ histogram: BLOCKS * ROWS, logHistogram: BLOCKS * ROWS, spansBySql: BLOCKS * ROWS })
  expect([whole.traces.partial, whole.logs.partial]).toEqual([null, null])
  let without = 0
  for (let i = 0; i < (LONG ? 1000 : 30); i++) {
    const signal = random() < 0.5 ? 'span' : 'log'
    const tables = [`${signal}_block`, ...SECTIONS[signal]]
    const place = { signal, table: tables[pick(tables.length)], id: 1 + pick(BLOCKS) } as const
    const { at, undo } = flip(place)
    const what = `${place.table} ${place.id}, byte ${at}`
    expect(store.findDamage(), what).toEqual([{ signal, id: place.id }])
    store.reopenReader()
    const found = answers()
    const [first, second] = signal === 'span' ? (['traces', 'logs'] as const) : (['logs', 'traces'] as const)
    const left = (BLOCKS - 1) * ROWS
    // The other signal is not touched by it.
    expect(found[second], what).toEqual(whole[second])
    // A search may do without the damaged section; it never answers something else.
    const lost = found[first].items.length === left
    expect(found[first].items, what).toEqual(
      lost
        ? (whole[first].items as { traceId: string | null }[]).filter((item) => blockOf(item) !== place.id)
        : whole[first].items,
    )
    if (lost) without++
    if (lost)
      expect(found[first].partial, what).toMatchObject({
        reason: expect.stringContaining('1 '),
        hint: expect.any(String),
      })
    for (const key of [
      'histogram',
      'facets',
      'groups',
      'logHistogram',
      'logFacets',
      'patterns',
      'spansBySql',
      'logsBySql',
    ] as const)
      expect([BLOCKS * ROWS, left], `${what}: ${key}`).toContain(found[key])
    undo()
    db.exec('DELETE FROM damaged_block')
  }
  store.reopenReader()
  expect(answers()).toEqual(whole)
  expect(without).toBeGreaterThan(0)
}, 600_000)

function blockOf({ traceId }: { traceId: string | null }): number {
  return Math.floor((Number.parseInt(traceId ?? '0', 16) - 1) / ROWS) + 1
}

it('counts a damaged block, keeps it out of merging and of later starts, and retention takes it', () => {
  const place: Place = { signal: 'span', table: 'span_core', id: 3 }
  flip(place)
  flip({ signal: 'log', table: 'log_body', id: 5 })
  store.restart()
  const before = answers()
  expect(before.traces.items).toHaveLength((BLOCKS - 1) * ROWS)
  expect(before.traces.partial).not.toBeNull()
  expect(store.stats().damaged).toMatchObject({ blocks: 2, rows: 2 * ROWS })
  expect(store.stats()).toMatchObject({ spans: (BLOCKS - 1) * ROWS, logs: (BLOCKS - 1) * ROWS })
  expect(store.sql('SELECT 1').partial).toMatchObject({ reason: expect.stringContaining('1 damaged block') })
  // Outside of the damaged block's time nothing is missing.
  expect(store.searchTraces({ ...TRACES, start: T0 + 6 * 60_000_000, limit: 10 }).partial).toBeNull()

  store.compact()
  expect(db.prepare('SELECT count(*) FROM span_block').pluck().get()).toBe(2)
  store.restart()
  const after = answers()
  expect(after.traces).toEqual(before.traces)
  expect(after.logs).toEqual(before.logs)
  expect(readBlob(place).length).toBeGreaterThan(0)

  expect(() => store.trace(traceHex(2 * ROWS + 5))).toThrow(/damaged/)
  expect(store.trace(traceHex(5))?.spans).toHaveLength(1)
  expect(store.trace(traceHex(9_000_000))).toBeNull()

  store.passHours(48)
  store.retain(24)
  expect(store.stats().damaged).toMatchObject({ blocks: 0, rows: 0 })
  expect(store.searchTraces({ ...TRACES, limit: 10 })).toEqual({ items: [], nextCursor: null, partial: null })
})
