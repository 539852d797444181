import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { parseFilter } from '../../core/query/filter-language.ts'
import { openStore } from '../../core/storage/open-store.ts'
import { connect, readTarget } from '../../core/storage/postgres/connection.ts'
import { searchLogs } from '../../core/storage/postgres/search-logs.ts'
import { searchTraces } from '../../core/storage/postgres/search-traces.ts'
import { explained } from '../fixtures/explained-session.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { spreadOverShards } from '../fixtures/postgres-shards.ts'
import { logBatch, logQuery, spanBatch, T0, traceId, traceQuery } from './telemetry-rows.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const TRACES = 40
let servers: PostgresServer[]
let url = ''
beforeAll(async () => {
  servers = await Promise.all([startPostgres(), startPostgres()])
  url = await servers[0].freshUrl()
  await spreadOverShards(url, servers[1])
}, 120_000)
afterAll(async () => {
  for (const server of servers) await server.stop()
})

it('hosts write to both shards, every search finds both halves, and filters run where the rows are', async () => {
  const settings = applySettings(defaultSettings, {
    'storage.engine': 'postgres',
    'storage.postgresUrl': url,
    'storage.reserveBytes': 0,
  })
  const hosts = await Promise.all(
    [0, 1].map(async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-shards-'))
      return { dataDir, store: await openStore({ dataDir, settings, log }) }
    }),
  )
  const client = await connect(readTarget(url, 'glassbox'))
  try {
    const now = Date.now() * 1000
    await Promise.all(
      hosts.map(async ({ store }, host) => {
        for (let trace = host + 1; trace <= TRACES; trace += 2) {
          const attributes = [
            { key: 'user.id', value: { stringValue: `u${trace}` } },
            { key: 'http.response.status_code', value: { intValue: String(200 + trace) } },
          ]
          await store.writer.write({
            spans: [spanBatch([{ trace, span: trace, at: trace, attributes }], now)],
            logs: [logBatch([{ at: trace, body: `record ${trace}`, trace }], now)],
          })
        }
      }),
    )
    const halves = await Promise.all(
      ['_0', '_1'].map(async (half) => {
        const { rows } = await client.query(
          `SELECT relname FROM pg_class WHERE relname ~ '^_traces_[0-9_]+${half}$' ORDER BY 1 LIMIT 1`,
        )
        const [{ relname }] = rows as { relname: string }[]
        const counted = await client.query(`SELECT count(*) AS n FROM glassbox.${relname}`)
        return (counted.rows[0] as { n: number }).n
      }),
    )
    expect(halves[0] + halves[1]).toBe(TRACES)
    expect(Math.min(...halves)).toBeGreaterThan(0)
    const { reader } = hosts[0].store
    const page = await reader.searchTraces({ ...traceQuery(), limit: 100 })
    expect(page.items.map((item) => item.traceId)).toEqual(
      Array.from({ length: TRACES }, (_, i) => traceId(TRACES - i)),
    )
    for (const trace of [3, 4, 5, 6]) {
      const found = await reader.searchTraces({ ...traceQuery(), filter: parseFilter(`user.id=u${trace}`) })
      expect(found.items.map((item) => item.traceId)).toEqual([traceId(trace)])
      expect((await reader.trace(traceId(trace)))?.logs).toHaveLength(1)
    }
    const remote = async (work: Parameters<typeof explained>[1]): Promise<string> =>
      (await explained(client, work)).flatMap((node) => node['Remote SQL'] ?? []).join('\n')
    const byAttribute = await remote((session) =>
      searchTraces(session, { ...traceQuery(), filter: parseFilter('user.id=u7') }),
    )
    expect(byAttribute).toMatch(/attributes @> /)
    expect(byAttribute).toMatch(/start >= \d+/)
    const above = await remote((session) =>
      searchTraces(session, { ...traceQuery(), filter: parseFilter('http.response.status_code>=230') }),
    )
    expect(above).toMatch(/attributes @\? /)
    expect(await remote((session) => searchLogs(session, { ...logQuery(), severity: 9 }))).toMatch(/severity >= /)
    expect(await reader.traceHistogram({ ...traceQuery(), start: T0, end: T0 + 60e6 }, 10)).toMatchObject({
      total: TRACES,
    })
  } finally {
    await client.end()
    for (const { store, dataDir } of hosts) {
      await store.stop()
      rmSync(dataDir, { recursive: true, force: true })
    }
  }
}, 120_000)
