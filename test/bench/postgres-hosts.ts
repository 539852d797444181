/**
 * Four hosts write to one Postgres at once, each as fast as it can: `node test/bench/postgres-hosts.ts [spans a host]`. Prints
 * spans a second together, every wait for a lock of more than 100 ms that the server tells of, and whether totals are exact.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { openStore } from '../../core/storage/open-store.ts'
import { startPostgres } from '../fixtures/postgres-server.ts'
import { corpusWrites } from './stored-corpus.ts'

const HOSTS = 4
const spans = Number(process.argv[2] ?? 200_000)
const log = { info: () => undefined, warn: console.error, error: console.error }
const folder = mkdtempSync(join(tmpdir(), 'glassbox-bench-hosts-'))
const server = await startPostgres(['-c', 'log_lock_waits=on', '-c', 'deadlock_timeout=100ms'])
try {
  const postgresUrl = `${await server.freshUrl()}?sslmode=disable`
  const settings = applySettings(defaultSettings, { 'storage.engine': 'postgres', 'storage.postgresUrl': postgresUrl })
  const stores = await Promise.all(
    Array.from({ length: HOSTS }, (_, host) =>
      openStore({ dataDir: mkdtempSync(join(folder, `${host}-`)), settings, log }),
    ),
  )
  const started = server.messages.length
  const began = performance.now()
  await Promise.all(
    stores.map(async ({ writer }, host) => {
      // Each host's spans are of times, and so of ids, of its own.
      for (const { batches } of corpusWrites(spans, 1, (Date.now() - host * 3_600_000) * 1000))
        await writer.write({ spans: batches, logs: [] })
    }),
  )
  const seconds = (performance.now() - began) / 1000
  const total = HOSTS * spans
  console.log(`${HOSTS} hosts: ${Math.round(total / seconds).toLocaleString('en-US')} spans/s together`)
  const [{ rows, counted }] = await server.sql<{ rows: string; counted: string }>(
    'SELECT (SELECT count(*) FROM glassbox._traces) AS rows, (SELECT sum(rows) FROM glassbox._stored) AS counted',
    postgresUrl,
  )
  console.log(
    `sent ${total}, stored ${rows}, counted ${counted}: ${Number(rows) === total && Number(counted) === total ? 'exact' : 'NOT EXACT'}`,
  )
  const waits =
    server.messages
      .slice(started)
      .join('')
      .match(/.*(still waiting for|deadlock detected).*/g) ?? []
  console.log(`waits for a lock of more than 100 ms: ${waits.length}`)
  for (const wait of waits) console.log(`  ${wait}`)
  for (const store of stores) await store.stop()
} finally {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}
