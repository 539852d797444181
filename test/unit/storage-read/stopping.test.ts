import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { machineClock } from '../../../core/storage/sqlite/machine-clock.ts'
import { startReader } from '../../../core/storage/sqlite/read/reader.ts'
import { Writer } from '../../../core/storage/sqlite/writer.ts'
import { T0 } from './arbitrary.ts'
import { spanBatch } from './spans.ts'

let dataDir = ''
let writer: Writer
let reader: Awaited<ReturnType<typeof startReader>>

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-stop-'))
  writer = new Writer({ dataDir, reserveBytes: 1000 }, machineClock(), () => undefined)
  reader = await startReader(dataDir, 20_000)
  const attributes = {}
  const spans = Array.from({ length: 2000 }, (_, i) => ({
    ...{ trace: i + 1, span: i + 1, parent: 0, service: 'shop', name: 'GET /', kind: 1, status: 0 },
    ...{ start: T0 + i, dur: 5, attributes },
  }))
  writer.write([spanBatch(spans, T0)], [])
})
afterEach(async () => {
  await reader.stop()
  writer.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

/** 2000 × 2000 × 2000 rows: no machine is through with it in time. */
const ENDLESS = 'SELECT count(*) FROM _traces a, _traces b, _traces c'

it('ends a query that its asker gave up, at once and for good', async () => {
  const giveUp = new AbortController()
  const answer = reader.sql(ENDLESS, 10, { signal: giveUp.signal })
  giveUp.abort()
  await expect(answer).rejects.toMatchObject({ code: 'query_cancelled' })
  // The same thread answers the next question, so the endless one no longer runs.
  const next = await reader.sql('SELECT count(*) AS n FROM _traces', 10)
  expect(next.rows).toEqual([[2000]])
})

it('ends a query at its time limit and says so', async () => {
  await expect(reader.sql(ENDLESS, 10, { timeoutMs: 50 })).rejects.toMatchObject({
    code: 'query_timeout',
    status: 503,
    hint: expect.stringContaining('Narrow'),
  })
  const next = await reader.sql('SELECT count(*) AS n FROM _traces', 10)
  expect(next.rows).toEqual([[2000]])
})

it('replaces a thread that SQLite holds beyond the limit', async () => {
  const recursive = 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n'
  await expect(reader.sql(recursive, 10, { timeoutMs: 50 })).rejects.toMatchObject({ code: 'query_timeout' })
  const next = await reader.sql('SELECT count(*) AS n FROM _traces', 10)
  expect(next.rows).toEqual([[2000]])
})

it('asks nothing at all when the asker is gone before it began', async () => {
  const query = { start: T0, end: T0 + 1e9, minDuration: null, maxDuration: null, status: null, service: null }
  const search = reader.searchTraces(
    { ...query, operation: null, filter: [], limit: 5, cursor: null },
    { signal: AbortSignal.abort() },
  )
  await expect(search).rejects.toMatchObject({ code: 'query_cancelled' })
})

it('refuses a cursor that it did not make', async () => {
  const query = { start: T0, end: T0 + 1e9, minDuration: null, maxDuration: null, status: null, service: null }
  const search = reader.searchTraces({ ...query, operation: null, filter: [], limit: 5, cursor: 'bm9uc2Vuc2U' })
  await expect(search).rejects.toMatchObject({ code: 'bad_cursor' })
})
