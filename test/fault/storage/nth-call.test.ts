import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { GlassboxError } from '../../../core/base/errors.ts'
import { machineClock } from '../../../core/storage/sqlite/machine-clock.ts'
import { BlockCache } from '../../../core/storage/sqlite/read/block-cache.ts'
import { QueryGuard } from '../../../core/storage/sqlite/read/query-guard.ts'
import { openReadConnection, readMethods } from '../../../core/storage/sqlite/read/read-methods.ts'
import { Writer } from '../../../core/storage/sqlite/writer.ts'
import { spanBatch } from '../../unit/storage-read/spans.ts'
import { FailingDatabase } from './failing-database.ts'

const LONG = process.env.GLASSBOX_LONG === '1'
const T0 = Date.UTC(2026, 0, 15) * 1000
/** One call in so many is made to fail; all of them in the long run. */
const STEP = LONG ? 1 : 17
const PER_WRITE = 10
const POLICY = { tracesDays: 7, tracesBytes: 1e9, logsDays: 7 }

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-nth-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a run answered: ids that were stored, and those whose write was refused. */
interface Book {
  stored: number[]
  refused: number[]
}

function batch(from: number) {
  const spans = Array.from({ length: PER_WRITE }, (_, i) => ({
    ...{ trace: from + i, span: from + i, parent: 0, service: 's', name: 'n', kind: 0, status: 0 },
    ...{ start: T0 + from + i, dur: 1, attributes: { n: from + i } },
  }))
  return [spanBatch(spans, Date.now() * 1000)]
}

/** Start, writes, merging, retention, metrics' flush, more writes, stop: everything that a writer does to its file. */
function life(dataDir: string, database: FailingDatabase, book: Book): void {
  let writer: Writer
  try {
    writer = new Writer({ dataDir, reserveBytes: 100_000, open: database.open }, machineClock(), () => undefined)
  } catch (error) {
    // The host asks again at the next call; here the disk has recovered by then, if it does.
    if (!/^SQLITE_/.test(String((error as { code?: string }).code))) throw error
    if (database.fault?.sticky) return
    writer = new Writer({ dataDir, reserveBytes: 100_000, open: database.open }, machineClock(), () => undefined)
  }
  const write = (from: number): void => {
    try {
      const { storedSpans, duplicateSpans } = writer.write(batch(from), [])
      expect([storedSpans, duplicateSpans]).toEqual([PER_WRITE, 0])
      book.stored.push(from)
    } catch (error) {
      expect(error).toBeInstanceOf(GlassboxError)
      expect((error as GlassboxError).code).toBe('storage_unavailable')
      book.refused.push(from)
    }
  }
  for (let i = 0; i < 10; i++) write(1 + i * PER_WRITE)
  writer.compact()
  try {
    writer.retention(POLICY)
  } catch (error) {
    expect((error as GlassboxError).code).toBe('storage_unavailable')
  }
  for (let i = 10; i < 13; i++) write(1 + i * PER_WRITE)
  const { mode } = writer.stats()
  if (database.fault?.sticky && database.fired > 0) expect(mode).not.toBe('normal')
  writer.stop()
}

/** Everything stored, read by a new connection after a new start on a disk that works. */
function readAll(dataDir: string): number[] {
  const writer = new Writer({ dataDir, reserveBytes: 100_000 }, machineClock(), () => undefined)
  expect(writer.opened().quarantined).toBeNull()
  const db = openReadConnection(dataDir)
  const methods = readMethods(db, new BlockCache(db))
  const guard = new QueryGuard(new Int32Array(new SharedArrayBuffer(4)))
  const { rows } = methods.sql({ query: 'SELECT start FROM _traces ORDER BY start', limit: 10_000 }, guard)
  db.close()
  writer.stop()
  return rows.map(([start]) => Number(start) - T0)
}

const spansOf = (writes: number[]): number[] =>
  writes.toSorted((a, b) => a - b).flatMap((from) => Array.from({ length: PER_WRITE }, (_, i) => from + i))

// Experiment 9, at the boundary of SQLite: the kernel cannot be made to fail an fsync without tools that are not everywhere.
it.each([
  ['SQLITE_IOERR_WRITE', false],
  ['SQLITE_IOERR_FSYNC', false],
  ['SQLITE_IOERR_READ', false],
  ['SQLITE_FULL', false],
  ['SQLITE_IOERR_FSYNC', true],
  ['SQLITE_FULL', true],
] as const)(
  '%s at the n-th call, sticky: %s: what was answered is there once, what was refused is not',
  (code, sticky) => {
    const whole = new FailingDatabase()
    const all: Book = { stored: [], refused: [] }
    life(join(folder, `${code}-${sticky}-whole`), whole, all)
    expect([all.stored.length, all.refused.length]).toEqual([13, 0])
    let fired = 0
    for (let at = 1; at <= whole.calls; at += STEP) {
      const dataDir = join(folder, `${code}-${sticky}-${at}`)
      const database = new FailingDatabase()
      database.fault = { code, at, sticky }
      const book: Book = { stored: [], refused: [] }
      life(dataDir, database, book)
      if (database.fired > 0) fired++
      const found = readAll(dataDir)
      const answered = spansOf(book.stored)
      // On a full disk the oldest block gives way to what is new; once merged it holds the first ten writes.
      const least = code === 'SQLITE_FULL' ? answered.length - 10 * PER_WRITE : answered.length
      expect(found, `${code} at call ${at} of ${whole.calls}`).toEqual(answered.slice(answered.length - found.length))
      expect(found.length, `${code} at call ${at}`).toBeGreaterThanOrEqual(least)
      // A single failure costs no batch: the file is opened anew and the write done again.
      if (!sticky) expect(book.refused.length, `call ${at}`).toBeLessThanOrEqual(1)
      rmSync(dataDir, { recursive: true })
    }
    expect(fired).toBeGreaterThan(5)
  },
  600_000,
)
