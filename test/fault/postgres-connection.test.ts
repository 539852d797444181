import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { applySettings, defaultSettings } from '../../core/config/settings.ts'
import { createHost } from '../../core/host.ts'
import { connect, readTarget } from '../../core/storage/postgres/connection.ts'
import { ensureSchema, SCHEMA_VERSION } from '../../core/storage/postgres/schema.ts'
import { testConnection } from '../../core/storage/postgres/test-connection.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let server: PostgresServer
let url = ''
beforeAll(async () => {
  server = await startPostgres()
  url = await server.freshUrl()
}, 60_000)
afterAll(() => server.stop())

/** Starts a host on this address and gives back why it did not start. */
async function refusal(postgresUrl: string): Promise<{ code: string; message: string; hint: string }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-test-'))
  const settings = applySettings(defaultSettings, {
    'server.apiPort': 0,
    'server.otlpPort': 0,
    'server.otlpGrpcPort': 0,
    'storage.reserveBytes': 0,
    'storage.engine': 'postgres',
    'storage.postgresUrl': postgresUrl,
  })
  try {
    await createHost({ dataDir, settings }).start()
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint: string }
    return { code, message, hint }
  } finally {
    rmSync(dataDir, { recursive: true, force: true })
  }
  throw new Error('the host started')
}

const at = (changes: Partial<Pick<URL, 'hostname' | 'port' | 'password' | 'pathname'>>): string =>
  Object.assign(new URL(url), changes).href

it.each([
  ['no address', (): string => '', 'postgres_url', 'no Postgres address'],
  ['another protocol', (): string => 'mysql://h/d', 'postgres_url', 'mysql://'],
  ['a wrong password', (): string => at({ password: 'wrong-secret' }), 'postgres_login', 'refused the password'],
] as const)('says what is wrong with %s', async (_, makeUrl, code, words) => {
  const refused = await refusal(makeUrl())
  expect(refused).toMatchObject({ code, message: expect.stringContaining(words) })
  expect(refused.hint.length).toBeGreaterThan(10)
  expect(JSON.stringify(refused)).not.toMatch(/wrong-secret|p%40ss|p@ss/)
})

it('works for a role that may make a schema and nothing else', async () => {
  const own = await server.freshUrl()
  const name = new URL(own).pathname.slice(1)
  await server.sql(`CREATE ROLE team LOGIN PASSWORD 'team'; GRANT CREATE ON DATABASE ${name} TO team`)
  const address = new URL(own)
  address.username = 'team'
  address.password = 'team'
  const host = await startTestHost({
    'storage.engine': 'postgres',
    'storage.postgresUrl': address.href,
    'storage.postgresSchema': 'watch',
  })
  try {
    const { traceId } = await host.get<{ traceId: string }>('/api/test-trace', { method: 'POST' })
    await expect
      .poll(async () => (await host.get<{ storage: { spans: number } }>('/api/status')).storage.spans)
      .toBeGreaterThan(0)
    expect(await host.get(`/api/traces/${traceId}`)).toMatchObject({ traceId })
    expect(await server.sql("SELECT 1 FROM pg_namespace WHERE nspname = 'watch'", own)).toHaveLength(1)
  } finally {
    await host.stop()
  }
})

it('leaves tables alone that are not ours, and a layout from a newer version', async () => {
  const own = await server.freshUrl()
  await server.sql(
    'CREATE SCHEMA glassbox; CREATE TABLE glassbox._traces (mine int); INSERT INTO glassbox._traces VALUES (7)',
    own,
  )
  expect(await refusal(own)).toMatchObject({
    code: 'postgres_foreign_table',
    message: expect.stringContaining('_traces'),
  })
  expect(await server.sql('SELECT * FROM glassbox._traces', own)).toEqual([{ mine: 7 }])
  await server.sql(`COMMENT ON SCHEMA glassbox IS 'glassbox telemetry ${SCHEMA_VERSION - 1}'`, own)
  expect(await refusal(own)).toMatchObject({
    code: 'postgres_foreign_table',
    message: expect.stringContaining('older'),
    hint: expect.stringContaining('DROP SCHEMA'),
  })
  await server.sql(`COMMENT ON SCHEMA glassbox IS 'glassbox telemetry ${SCHEMA_VERSION + 1}'`, own)
  expect(await refusal(own)).toMatchObject({
    code: 'postgres_foreign_table',
    message: expect.stringContaining('newer'),
  })
})

it('names a connection that opens and says nothing', async () => {
  const silent = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const { port } = silent.address() as { port: number }
  const { ok, steps } = await testConnection(`postgres://u:p@127.0.0.1:${port}/d?sslmode=disable`, 'glassbox')
  silent.close()
  expect(ok).toBe(false)
  expect(steps.at(-1)).toMatchObject({ name: 'login', ok: false, error: expect.stringContaining('does not answer') })
})

it('makes the schema once when twelve hosts start at the same time', async () => {
  const own = await server.freshUrl()
  const target = { ...readTarget(own, 'glassbox'), sslMode: 'disable' as const }
  await Promise.all(
    Array.from({ length: 12 }, async () => {
      const client = await connect(target)
      try {
        await ensureSchema(client, target, Date.now() * 1000, false)
      } finally {
        await client.end()
      }
    }),
  )
  const partitions = await server.sql<{ relpersistence: string }>(
    "SELECT relpersistence FROM pg_class WHERE relname ~ '^_(traces|extents|logs)_[0-9]{8}_000$' AND relkind = 'r'",
    own,
  )
  expect(partitions).toHaveLength(9)
  expect(new Set(partitions.map(({ relpersistence }) => relpersistence))).toEqual(new Set(['u']))
})

it('runs a whole host on Postgres, tests a connection by its api and never shows the password', async () => {
  const host: RunningHost = await startTestHost({ 'storage.engine': 'postgres', 'storage.postgresUrl': url })
  try {
    const { traceId } = await host.get<{ traceId: string }>('/api/test-trace', { method: 'POST' })
    await expect
      .poll(async () => (await host.get<{ storage: { spans: number } }>('/api/status')).storage.spans)
      .toBeGreaterThan(0)
    expect(await host.get(`/api/traces/${traceId}`)).toMatchObject({ traceId })
    const settings = await host.get<Record<string, { value: unknown }>>('/api/settings')
    expect(settings['storage.postgresUrl'].value).toContain(':***@')
    const test = (body: object) =>
      host.get<{ ok: boolean; steps: { name: string; ok: boolean; hint: string | null }[] }>('/api/storage/test', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const good = await test({ engine: 'postgres', url: settings['storage.postgresUrl'].value })
    expect(good.steps.map(({ name, ok }) => [name, ok])).toEqual(
      ['address', 'resolve', 'connect', 'tls', 'login', 'version', 'rights', 'write and read back'].map((name) => [
        name,
        true,
      ]),
    )
    const bad = await test({ engine: 'postgres', url: at({ password: 'wrong-secret' }) })
    expect(bad.ok).toBe(false)
    expect(bad.steps.at(-1)).toMatchObject({ name: 'login', ok: false, hint: expect.stringContaining('password') })
    expect(JSON.stringify(bad)).not.toContain('wrong-secret')
  } finally {
    await host.stop()
  }
})
