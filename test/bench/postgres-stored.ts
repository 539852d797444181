/**
 * The query set over the same stored spans on both engines: `node test/bench/postgres-stored.ts SPANS DIR [fill]`. The
 * spans, of seven days, stay in DIR, and a later run uses them again; `fill` makes them without asking anything.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { openStore } from '../../core/storage/open-store.ts'
import { connect, readTarget } from '../../core/storage/postgres/connection.ts'
import { partitionName } from '../../core/storage/postgres/parts.ts'
import { closeFullParts, indexClosedPart } from '../../core/storage/postgres/upkeep.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { querySet, timeOf } from './engine-queries.ts'
import { corpusWrites, storeCorpus } from './stored-corpus.ts'

const DAYS = 7
const ROUNDS = 9
const PART_SPANS = 200_000
const [spans, dir] = [Number(process.argv[2]), process.argv[3]]
const log = { info: () => undefined, warn: () => undefined, error: console.error }
const settingsOf = (engine: string, url: string) =>
  applySettings(defaultSettings, {
    'storage.engine': engine,
    'storage.postgresUrl': url,
    'storage.reserveBytes': 0,
    'query.timeoutMs': 120_000,
  })

interface Corpus {
  spans: number
  nowUs: number
  ids: string[]
}

async function fill(server: PostgresServer, url: string): Promise<Corpus> {
  const nowUs = Date.now() * 1000
  let began = performance.now()
  const rate = (what: string): void =>
    console.log(`${what}: ${Math.round((spans * 1000) / (performance.now() - began))} spans/s`)
  const ids = storeCorpus(join(dir, 'sqlite'), spans, DAYS, nowUs)
  rate('SQLite')
  await server.sql('CREATE DATABASE corpus')
  mkdirSync(join(dir, 'host'))
  const open = () => openStore({ dataDir: join(dir, 'host'), settings: settingsOf('postgres', url), log })
  let store = await open()
  began = performance.now()
  let held = 0
  for (const { batches } of corpusWrites(spans, DAYS, nowUs)) {
    held += batches.reduce((sum, { n }) => sum + n, 0)
    await store.writer.write({ spans: batches, logs: [] })
    if (held < PART_SPANS) continue
    // A host that writes so fast looks for full parts too seldom: parts are to be as large as those of a team's day.
    await store.stop()
    await closeParts(url)
    store = await open()
    held = 0
  }
  rate('Postgres')
  await store.stop()
  // As a running host leaves it some minutes later: each part but the newest closed and indexed.
  await server.sql(
    "UPDATE glassbox._parts SET closed = now() - interval '1 hour' WHERE part < (SELECT max(part) FROM glassbox._stored)",
    url,
  )
  await tidy(url)
  await server.sql('VACUUM ANALYZE', url)
  rate('Postgres, indexed')
  return { spans, nowUs, ids }
}

async function closeParts(url: string): Promise<void> {
  const client = await connect(readTarget(url, 'glassbox'))
  await closeFullParts(client, 'glassbox', Date.now() * 1000, false)
  await client.end()
}

async function tidy(url: string): Promise<void> {
  while (await indexClosedPart(readTarget(url, 'glassbox'))) {
    // One part a step.
  }
  // The newest part takes rows yet and has no index of attributes.
  const [{ part }] = await server.sql<{ part: number }>('SELECT max(part) AS part FROM glassbox._stored', url)
  await server.sql(
    `DROP INDEX IF EXISTS glassbox.${partitionName('traces', part)}_attributes;
     UPDATE glassbox._parts SET closed = NULL, indexed = false, settled = false WHERE part = ${part}`,
    url,
  )
  const [{ rows }] = await server.sql<{ rows: string }>(
    `SELECT sum(rows) AS rows FROM glassbox._stored WHERE part = ${part}`,
    url,
  )
  console.log(`of the spans ${rows} lie in the part that is open`)
}

mkdirSync(dir, { recursive: true })
const server = await startPostgres([], join(dir, 'postgres'))
try {
  const { user, password, port } = server
  const url = `postgres://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}/corpus?sslmode=disable`
  const file = join(dir, 'corpus.json')
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(await fill(server, url)))
  const corpus = JSON.parse(readFileSync(file, 'utf8')) as Corpus
  if (corpus.spans !== spans) throw new Error(`${dir} holds ${corpus.spans} spans`)
  if (process.argv[4] !== 'fill') {
    const table: Record<string, Record<string, number>> = {}
    for (const engine of ['sqlite', 'postgres']) {
      const dataDir = join(dir, engine === 'sqlite' ? 'sqlite' : 'host')
      const store = await openStore({ dataDir, settings: settingsOf(engine, url), log })
      // A corpus of an earlier version may lack something.
      if (engine === 'postgres') await tidy(url)
      const asked = Object.entries(querySet(store.reader, { ...corpus, days: DAYS }))
      // What a host looks at after its start goes on beside the first questions.
      for (const [, ask] of asked) await ask(0)
      for (const [name, ask] of asked) {
        const [median, longest] = await timeOf(ask, ROUNDS)
        table[name] = { ...table[name], [`${engine} ms`]: round(median), [`${engine} longest`]: round(longest) }
      }
      const { traces } = await store.stats()
      table['bytes a span'] = { ...table['bytes a span'], [`${engine} ms`]: round(traces.bytes / spans) }
      await store.stop()
    }
    for (const row of Object.values(table)) row.times = round(row['postgres ms'] / row['sqlite ms'])
    console.table(table)
  }
} finally {
  await server.stop()
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
