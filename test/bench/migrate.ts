/**
 * Moves `spans` spans (first argument, 200,000 when absent) from the file to a real Postgres on the same machine and back,
 * verified, and prints spans a second of each: `node test/bench/migrate.ts [spans]`. Goal: 30,000.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { copyUpTo, type Move, verifyMove } from '../../core/migrate/move-telemetry.ts'
import { Engines } from '../../core/storage/open-store.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { storeCorpus } from './stored-corpus.ts'

const spans = Number(process.argv[2] ?? 200_000)
const folder = mkdtempSync(join(tmpdir(), 'glassbox-bench-migrate-'))
const log = { info: () => undefined, warn: console.error, error: console.error }

async function measure(what: string, source: TelemetryStore, target: TelemetryStore): Promise<void> {
  const move: Move = {
    source,
    target,
    name: what,
    since: null,
    signal: new AbortController().signal,
    progress: () => undefined,
    log: (text) => console.error(text),
  }
  const upTo = await source.reader.scanMark()
  const began = performance.now()
  const rows = await copyUpTo(move, upTo, 'copy', null)
  const copied = performance.now()
  const reached = await target.reader.scanMark()
  await verifyMove(move, { source: { after: null, upTo }, target: { after: null, upTo: reached } }, rows)
  const done = performance.now()
  const rate = (ms: number): string => Math.round((rows * 1000) / ms).toLocaleString('en-US')
  console.log(
    `${what}: ${rows.toLocaleString('en-US')} spans, copied ${rate(copied - began)}/s, verified ${rate(done - copied)}/s, together ${rate(done - began)}/s`,
  )
}

const server = await startPostgres()
try {
  storeCorpus(join(folder, 'from'), spans, 3, Date.now() * 1000)
  const postgresUrl = `${await server.freshUrl()}?sslmode=disable`
  const open = (name: string) =>
    new Engines({
      dataDir: join(folder, name),
      settings: applySettings(defaultSettings, { 'storage.reserveBytes': 0 }),
      log,
    })
  const from = open('from')
  const back = open('back')
  const file = await from.open({ engine: 'sqlite', postgresUrl: '' })
  const postgres = await from.open({ engine: 'postgres', postgresUrl })
  await measure('SQLite to Postgres', file, postgres)
  await measure('Postgres to SQLite', postgres, await back.open({ engine: 'sqlite', postgresUrl: '' }))
  await from.stop()
  await back.stop()
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
