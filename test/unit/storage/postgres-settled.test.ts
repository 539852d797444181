import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { applySettings, defaultSettings } from '../../../core/config/settings.ts'
import { openStore } from '../../../core/storage/open-store.ts'
import { connect, readTarget } from '../../../core/storage/postgres/connection.ts'
import { settlePart, unsettleAll } from '../../../core/storage/postgres/settled-parts.ts'
import { indexClosedPart } from '../../../core/storage/postgres/upkeep.ts'
import { KnownEntries, writeTransaction } from '../../../core/storage/postgres/write-transaction.ts'
import type { TelemetryStore, TraceQuery } from '../../../core/storage/store.ts'
import { MS, spanBatch, T0, traceQuery } from '../../conformance/telemetry-rows.ts'
import { seededRandom } from '../../demo/shop.ts'
import { type PostgresServer, startPostgres } from '../../fixtures/postgres-server.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const HOUR = 3_600_000
const WRITES = 12
const seed = Number(process.env.SEED ?? 20_261_130)
let server: PostgresServer
let store: TelemetryStore
let client: pg.Client
let folder: string
let target: ReturnType<typeof readTarget>

beforeAll(async () => {
  server = await startPostgres()
  const url = await server.freshUrl()
  folder = mkdtempSync(join(tmpdir(), 'glassbox-settled-'))
  const settings = applySettings(defaultSettings, {
    'storage.engine': 'postgres',
    'storage.postgresUrl': url,
    'storage.reserveBytes': 0,
  })
  store = await openStore({ dataDir: folder, settings, log })
  target = { ...readTarget(url, 'glassbox'), sslMode: 'disable' }
  client = await connect(target)
}, 60_000)
afterAll(async () => {
  await client?.end()
  await store?.stop()
  await server?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const random = seededRandom(seed)
let spans = 0
/**
 * Spans of some traces, each write 20 minutes after the one before: most of traces of its own, some of a trace of the write
 * before, some of one of long ago. Of a trace long over the host itself knows nothing any more, and repeats are no matter.
 */
async function write(number: number): Promise<void> {
  const rows = Array.from({ length: 60 }, () => {
    const back = random() < 0.7 ? 0 : random() < 0.8 ? 1 : Math.floor(random() * (number + 1))
    const trace = Math.max(0, number - back) * 100 + 1 + Math.floor(random() * 30)
    const at = number * (HOUR / 3) + Math.floor(random() * 60_000)
    return { trace, span: ++spans, at, dur: Math.floor(random() * 5000), status: random() < 0.1 ? 2 : 0 }
  })
  // Each write has a day of receipt, and so a part, of its own.
  const received = (Math.floor(Date.now() / (24 * HOUR)) - WRITES + number) * 24 * HOUR * MS
  await store.writer.write({ spans: [spanBatch(rows, received)], logs: [] })
}

const questions = (): Partial<TraceQuery>[] => {
  const start = T0 + Math.floor((random() * WRITES * HOUR) / 3) * MS
  return [
    {},
    { start, end: start + Math.floor(random() * 2 * HOUR) * MS },
    { status: 'error' },
    { start, end: start + HOUR * MS, minDuration: 1_000_000 },
    { maxDuration: HOUR * MS },
  ]
}

it(`counts whole traces as they lie, and answers what grouping all of them answers (seed ${seed})`, async () => {
  const window = { start: T0 - HOUR * MS, end: T0 + (WRITES + 1) * HOUR * MS }
  const parts = async (): Promise<number[]> =>
    (await client.query("SELECT DISTINCT part FROM glassbox._stored WHERE signal = 'traces' ORDER BY 1")).rows.map(
      ({ part }: { part: number }) => part,
    )
  const ask = (changes: Partial<TraceQuery>) =>
    store.reader.traceHistogram({ ...traceQuery(), ...window, ...changes }, 50)
  for (let number = 0; number < WRITES; number++) {
    await write(number)
    const all = await parts()
    // One part a round becomes settled, in any order; the newest stay open.
    const settled = all[Math.floor(random() * Math.max(1, all.length - 1))]
    await settlePart(client, 'glassbox', settled)
    for (const changes of questions()) {
      const counted = await ask(changes)
      // The same where nothing is settled.
      const known = await client.query('SELECT part FROM glassbox._parts WHERE settled')
      await client.query('UPDATE glassbox._parts SET settled = false')
      const grouped = await ask(changes)
      await client.query('UPDATE glassbox._parts SET settled = true WHERE part = ANY($1::int4[])', [
        known.rows.map(({ part }: { part: number }) => part),
      ])
      expect(counted).toEqual(grouped)
    }
  }
  const { rows } = await client.query('SELECT sole, count(*) AS n FROM glassbox._whole GROUP BY 1 ORDER BY 1')
  // Both kinds were there to be counted.
  expect(rows.map(({ n }: { n: number }) => n > 10)).toEqual([true, true])
}, 120_000)

it('counts what a host writes into a part that was closed and settled while it stood still', async () => {
  const day = Math.floor(Date.now() / (24 * HOUR)) - 40
  const part = day * 1000
  const at = (WRITES + 40) * HOUR
  const row = (span: number, trace: number) => ({ trace, span, at: at + span, dur: 5 })
  const batch = (rows: ReturnType<typeof row>[]) => spanBatch(rows, day * 24 * HOUR * MS)
  await store.writer.write({ spans: [batch([row(1, 700_001), row(2, 700_002)])], logs: [] })
  const late = await connect(target)
  const context = {
    schema: 'glassbox',
    host: 'abcdef012345',
    known: new KnownEntries(),
    retried: false,
    partOf: () => part,
  }
  const write = (span: number, trace: number, alongside?: () => Promise<void>) =>
    writeTransaction(late, context, [{ id: randomUUID(), spans: [batch([row(span, trace)])], logs: [] }], alongside)
  const closed = () =>
    client.query(`UPDATE glassbox._parts SET closed = now() - interval '2 minutes' WHERE part = ${part}`)
  const count = async () =>
    (await store.reader.traceHistogram({ ...traceQuery(), start: T0 + at * MS, end: T0 + (at + HOUR) * MS }, 5)).total
  try {
    // It stands still in the middle of the write: the part waits, and others do not wait for it.
    await write(3, 700_003, async () => {
      await closed()
      while (await indexClosedPart(target)) {
        // One part a call.
      }
      const { rows } = await client.query(
        "SELECT part FROM glassbox._parts WHERE closed < now() - interval '60 seconds' AND NOT settled",
      )
      expect(rows).toEqual([{ part }])
    })
    expect(await count()).toBe(3)
    expect(await indexClosedPart(target)).toBe(true)
    expect(await count()).toBe(3)
    // It stands still before the write, for a part that is settled by then: a new trace, and one that is there.
    await write(4, 700_004)
    await write(5, 700_001)
    expect(await count()).toBe(4)
    expect(await indexClosedPart(target)).toBe(true)
    expect(await count()).toBe(4)
  } finally {
    await late.end()
  }
}, 60_000)

it('settles a closed part after its index, and anew when rows were removed', async () => {
  await client.query(
    "UPDATE glassbox._parts SET closed = now() - interval '2 minutes' WHERE part IN (SELECT part FROM glassbox._stored)",
  )
  await unsettleAll(client, 'glassbox')
  const open = async (): Promise<number> =>
    (await client.query('SELECT count(*) AS n FROM glassbox._parts WHERE closed IS NOT NULL AND NOT settled')).rows[0].n
  expect(await open()).toBeGreaterThan(3)
  while (await indexClosedPart(target)) {
    // One part a call.
  }
  expect(await open()).toBe(0)
  const before = await client.query('SELECT count(*) AS n FROM glassbox._whole')
  expect(before.rows[0].n).toBeGreaterThan(100)
  await store.clear()
  expect((await client.query('SELECT count(*) AS n FROM glassbox._whole')).rows[0].n).toBe(0)
})
