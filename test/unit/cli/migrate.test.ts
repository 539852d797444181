import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { loadSettings } from '../../../core/config/load-settings.ts'
import { storeCorpus } from '../../bench/stored-corpus.ts'
import { glassbox } from '../../fixtures/command.ts'
import { type PostgresServer, startPostgres } from '../../fixtures/postgres-server.ts'

let server: PostgresServer
let dataDir: string
let url: string
beforeAll(async () => {
  server = await startPostgres()
  url = `${await server.freshUrl()}?sslmode=disable`
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-migrate-'))
  storeCorpus(dataDir, 4000, 2, Date.now() * 1000)
}, 120_000)
afterAll(async () => {
  await server?.stop()
  rmSync(dataDir, { recursive: true, force: true })
})

const migrate = (...flags: string[]) => glassbox(['migrate', ...flags])
const savedEngine = (): string => loadSettings({ dataDir, flags: {}, environment: {} }).settings.storage.engine

it('tells its failures apart by exit code, and changes nothing', async () => {
  expect((await migrate('--from', 'sqlite:a', '--to', 'sqlite:b')).code).toBe(2)
  expect((await migrate('--from', `sqlite:${dataDir}`, '--to', url, '--since', 'yesterday')).code).toBe(2)
  const wrong = await migrate('--from', `sqlite:${dataDir}`, '--to', url.replace('p%40ss', 'other'), '--json')
  expect(wrong.code).toBe(3)
  expect(wrong.stderr).toContain('"code"')
  expect(wrong.stdout + wrong.stderr).not.toContain('other')
  const nobody = await migrate('--from', `sqlite:${dataDir}`, '--to', 'postgres://u:p@127.0.0.1:1/d')
  expect(nobody.code).toBe(6)
  expect(savedEngine()).toBe('sqlite')
}, 120_000)

it('moves a directory that nobody runs on to Postgres and back, and saves the choice', async () => {
  const there = await migrate('--from', `sqlite:${dataDir}`, '--to', url, '--json')
  expect(there, there.stderr).toMatchObject({ code: 0 })
  expect(JSON.parse(there.stdout)).toMatchObject({ state: 'done', result: { engine: 'postgres', spans: 4000 } })
  expect(there.stdout).not.toContain('p%40ss')
  expect(savedEngine()).toBe('postgres')
  const [{ n }] = await server.sql<{ n: string }>('SELECT count(*) AS n FROM glassbox._traces', url)
  expect(Number(n)).toBe(4000)

  const refused = await migrate('--from', url, '--to', `sqlite:${dataDir}`)
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('4000 spans')
  const back = await migrate('--from', url, '--to', `sqlite:${dataDir}`, '--existing', 'delete')
  expect(back, back.stderr).toMatchObject({ code: 0 })
  expect(back.stdout).toMatch(/Moved 4000 spans/)
  expect(savedEngine()).toBe('sqlite')
}, 180_000)
