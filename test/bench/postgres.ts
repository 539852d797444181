/**
 * Both engines in one run: `node test/bench/postgres.ts [spans]`. Writes the same spans to SQLite and to a Postgres of its
 * own, compares COPY with a bare one of the same rows, and times the same searches on both. Prints a table.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { tracesFromJson } from '../../core/formats/otlp/decode-json.ts'
import { parseFilter } from '../../core/query/filter-language.ts'
import { openStore } from '../../core/storage/open-store.ts'
import { encodeSpans, SPAN_COPY } from '../../core/storage/postgres/encode-rows.ts'
import { traceExtents } from '../../core/storage/postgres/trace-extents.ts'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { randomResourceSpans } from '../fixtures/random-spans.ts'

const total = Number(process.argv[2] ?? 200_000)
const PER_WRITE = 10_000
const startMs = Date.now() - 600_000
const log = { info: () => undefined, warn: () => undefined, error: () => undefined }

function batch(write: number) {
  const resourceSpans = randomResourceSpans(PER_WRITE, 10, write + 1, startMs + write * 100)
  return tracesFromJson({ resourceSpans }, Date.now() * 1000).batch
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const began = performance.now()
  return [await work(), performance.now() - began]
}

const server = await startPostgres()
const url = await server.freshUrl()
const writes = Math.ceil(total / PER_WRITE)
const figures: Record<string, Record<string, number>> = {}
const range = { start: startMs * 1000 - 1e9, end: Date.now() * 1000 + 1e9 }
const query = {
  ...range,
  minDuration: null,
  maxDuration: null,
  status: null,
  service: null,
  operation: null,
  filter: [],
  limit: 20,
  cursor: null,
}

for (const engine of ['sqlite', 'postgres'] as const) {
  const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
  const settings = applySettings(defaultSettings, { 'storage.engine': engine, 'storage.postgresUrl': url })
  const store = await openStore({ dataDir, settings, log })
  const row: Record<string, number> = {}
  let ms = 0
  for (let write = 0; write < writes; write++) {
    const spans = [batch(write)]
    ms += (await timed(() => store.writer.write({ spans, logs: [] })))[1]
  }
  row.spansASecond = Math.round((writes * PER_WRITE * 1000) / ms)
  if (engine === 'postgres') await server.sql('ANALYZE', url)
  const { traces } = await store.stats()
  row.bytesASpan = Math.round(traces.bytes / (writes * PER_WRITE))
  const { reader } = store
  const [page] = await timed(() => reader.searchTraces(query))
  const asked: Record<string, () => Promise<unknown>> = {
    newestMs: () => reader.searchTraces(query),
    errorsMs: () => reader.searchTraces({ ...query, status: 'error' }),
    attributeMs: () => reader.searchTraces({ ...query, filter: parseFilter('user.id=u_42') }),
    slowMs: () =>
      reader.searchTraces({ ...query, filter: parseFilter('http.response.status_code>=500'), minDuration: 1_000_000 }),
    traceMs: () => reader.trace(page.items[0].traceId),
    histogramMs: () => reader.traceHistogram(query, 60),
    servicesMs: () => reader.services(range),
  }
  for (const [name, ask] of Object.entries(asked)) {
    const times: number[] = []
    for (let i = 0; i < 5; i++) times.push((await timed(ask))[1])
    row[name] = Math.round(times.sort((a, b) => a - b)[2] * 10) / 10
  }
  figures[engine] = row
  await store.stop()
  rmSync(dataDir, { recursive: true, force: true })
}

// The same rows by a bare COPY into the same kind of table, encoded beforehand.
const client = new pg.Client(url)
await client.connect()
const [{ name }] = (await client.query("SELECT max(relname) AS name FROM pg_class WHERE relname ~ '^_traces_[0-9_]+$'"))
  .rows as { name: string }[]
await client.query(`CREATE UNLOGGED TABLE bare (LIKE glassbox.${name} INCLUDING ALL)`)
let bareMs = 0
for (let write = 0; write < writes; write++) {
  const spans = [batch(write)]
  const numbered = { seq: write, spans, logs: [], extents: traceExtents(spans) }
  const chunks = [...encodeSpans([numbered], { host: 1, partOf: () => 1 })]
  bareMs += (
    await timed(
      () =>
        new Promise<void>((resolve, reject) => {
          const stream = client.query(copyFrom(`COPY bare (${SPAN_COPY.list}) FROM STDIN (FORMAT binary)`))
          stream.once('finish', () => resolve())
          stream.once('error', reject)
          for (const chunk of chunks) stream.write(chunk)
          stream.end()
        }),
    )
  )[1]
}
await client.end()
await server.stop()
const bare = Math.round((writes * PER_WRITE * 1000) / bareMs)
console.table(figures)
console.log(
  `bare COPY ${bare} spans/s; the engine reaches ${Math.round((figures.postgres.spansASecond / bare) * 100)} % of it`,
)
