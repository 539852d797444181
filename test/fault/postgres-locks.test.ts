import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { openStore } from '../../core/storage/open-store.ts'
import { connect, readTarget } from '../../core/storage/postgres/connection.ts'
import { dayOf, ensurePart, firstPart } from '../../core/storage/postgres/parts.ts'
import { logBatch, MS, spanBatch, T0, traceId, traceQuery } from '../conformance/telemetry-rows.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const long = Boolean(process.env['GLASSBOX_LONG'])
const HOSTS = 4
const WRITES = long ? 200 : 30
const SPANS = 200
/** The server says who waits longer. On a machine that others use as well a process may stand still for a moment. */
const LONGEST_WAIT = long ? '100ms' : '500ms'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres(['-c', 'log_lock_waits=on', '-c', `deadlock_timeout=${LONGEST_WAIT}`])
}, 60_000)
afterAll(() => server.stop())

it(`${HOSTS} hosts write, search, make and drop parts at once: none waits for a lock, and the totals are exact`, async () => {
  const postgresUrl = await server.freshUrl()
  const settings = applySettings(defaultSettings, {
    'storage.engine': 'postgres',
    'storage.postgresUrl': postgresUrl,
    'storage.reserveBytes': 0,
  })
  const folders = Array.from({ length: HOSTS }, () => mkdtempSync(join(tmpdir(), 'glassbox-locks-')))
  const stores = await Promise.all(folders.map((dataDir) => openStore({ dataDir, settings, log })))
  // Who starts waits while another one makes the tables.
  const started = server.messages.length
  const [keeper, slow] = await Promise.all([0, 1].map(() => connect(readTarget(postgresUrl, 'glassbox'))))
  try {
    const today = dayOf(Date.now() * 1000)
    const old = (today - 30) * 86_400e6
    const batches = (host: number, write: number, receivedUs: number) => {
      const trace = write * HOSTS + host + 1
      const rows = Array.from({ length: SPANS }, (_, i) => ({ trace, span: trace * 1000 + i, at: trace + i }))
      return {
        spans: [spanBatch(rows, receivedUs)],
        logs: [logBatch([{ at: trace, body: 'said', trace }], receivedUs)],
      }
    }
    let writing = true
    const writes = Promise.all(
      stores.map(async ({ writer }, host) => {
        for (let write = 0; write < WRITES; write++) await writer.write(batches(host, write, Date.now() * 1000))
      }),
    ).finally(() => {
      writing = false
    })
    await Promise.all([
      writes,
      (async () => {
        for (let n = 0; writing; n++) {
          await ensurePart(keeper, 'glassbox', firstPart(today + 10 + n), false)
          // Of a month ago, which retention takes away again.
          await stores[1].writer.write({
            spans: [spanBatch([{ trace: 900_000 + n, span: n + 1, at: n }], old)],
            logs: [],
          })
          await Promise.all(
            stores.map((store) => store.runRetention({ tracesDays: 7, tracesBytes: 1e12, logsDays: 7 })),
          )
        }
      })(),
      (async () => {
        // A search that takes long holds what a drop wants, and writes would come to stand behind the drop.
        while (writing) {
          await slow.query(
            'SELECT (SELECT 1 FROM glassbox._traces LIMIT 1), (SELECT 1 FROM glassbox._extents LIMIT 1), pg_sleep(0.4)',
          )
          await stores[2].reader.searchTraces(traceQuery())
        }
      })(),
      (async () => {
        while (writing) {
          await stores[2].reader.searchTraces(traceQuery())
          await stores[3].reader.traceHistogram({ ...traceQuery(), start: T0, end: T0 + 60_000 * MS }, 10)
        }
      })(),
    ])
    await stores[0].runRetention({ tracesDays: 7, tracesBytes: 1e12, logsDays: 7 })
    const [{ spans, traces }] = await server.sql<{ spans: string; traces: string }>(
      'SELECT count(*) AS spans, count(DISTINCT trace_id) AS traces FROM glassbox._traces WHERE trace_id < decode($$' +
        `${traceId(900_000)}$$, 'hex')`,
      postgresUrl,
    )
    expect([Number(spans), Number(traces)]).toEqual([HOSTS * WRITES * SPANS, HOSTS * WRITES])
    const [{ rows }] = await server.sql<{ rows: string }>(
      `SELECT sum(rows) AS rows FROM glassbox._stored WHERE signal = 'traces' AND part >= ${firstPart(today)}`,
      postgresUrl,
    )
    expect(Number(rows)).toBe(HOSTS * WRITES * SPANS)
    expect(
      server.messages
        .slice(started)
        .join('')
        .match(/.*(still waiting for|deadlock detected).*/g),
    ).toBeNull()
  } finally {
    for (const client of [keeper, slow]) await client.end()
    for (const store of stores) await store.stop()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
}, 300_000)
