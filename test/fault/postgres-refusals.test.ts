import { afterAll, beforeAll, expect, it } from 'vitest'
import { GlassboxError } from '../../core/base/errors.ts'
import { connect, readTarget, settleTarget } from '../../core/storage/postgres/connection.ts'
import { ensureSchema } from '../../core/storage/postgres/schema.ts'
import { testConnection } from '../../core/storage/postgres/test-connection.ts'
import { RefusingPostgres } from '../fixtures/refusing-postgres.ts'

let servers: RefusingPostgres
beforeAll(async () => {
  servers = await RefusingPostgres.start()
}, 120_000)
afterAll(() => servers?.stop())

it('says of each refusal at which step it comes, what is wrong and what to do', async () => {
  for (const { what, url, step, code, says, hint } of await servers.refusals()) {
    const { ok, steps } = await testConnection(url, 'glassbox')
    expect(ok, what).toBe(false)
    expect(steps.at(-1), what).toMatchObject({
      name: step,
      ok: false,
      code,
      error: expect.stringMatching(says),
      hint: expect.stringMatching(hint),
    })
    expect(JSON.stringify(steps), what).not.toMatch(/wrong-secret|p%40ss|p@ss/)
  }
}, 60_000)

it('gives the same reason, with its code, to who only opens it', async () => {
  for (const { what, url, step, code, says } of await servers.refusals()) {
    // What is missing for tables shows when they are made.
    if (step === 'write and read back') continue
    const opened = (async () => {
      const target = readTarget(url, 'glassbox')
      const client = await connect(target)
      try {
        await ensureSchema(client, target, Date.now() * 1000, false)
      } finally {
        await client.end()
      }
    })()
    const refused = await opened.then(
      () => null,
      (error: unknown) => error,
    )
    expect(refused, what).toBeInstanceOf(GlassboxError)
    expect((refused as GlassboxError).code, what).toBe(code)
    if (code !== 'postgres_no_rights') expect((refused as GlassboxError).message, what).toMatch(says)
  }
}, 60_000)

const root = (): string => `&sslrootcert=${encodeURIComponent(servers.authority)}`
it.each([
  ['disable', '', false, 'plain'],
  ['allow', '', false, 'plain'],
  ['prefer', '', true, 'encrypted'],
  ['require', '', true, 'encrypted'],
  ['require', root, true, 'verified'],
  ['verify-ca', root, true, 'verified'],
  ['verify-full', root, true, 'verified'],
] as const)('sslmode=%s means what libpq means by it (%#)', async (mode, more, encrypts, note) => {
  const url = servers.at({ search: `?sslmode=${mode}${more === '' ? '' : more()}` })
  const client = await connect(readTarget(url, 'glassbox'))
  const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')
  await client.end()
  expect(rows).toEqual([{ ssl: encrypts }])
  const { ok, steps } = await testConnection(url, 'glassbox')
  expect(ok).toBe(true)
  expect(steps.find(({ name }) => name === 'tls')).toMatchObject({ ok: true, note })
})

it('checks the name with verify-full alone, and an address by the certificate too', async () => {
  const byAddress = (mode: string): string => servers.at({ hostname: '127.0.0.1', search: `?sslmode=${mode}${root()}` })
  const client = await connect(readTarget(byAddress('verify-ca'), 'glassbox'))
  await client.end()
  await expect(connect(readTarget(byAddress('verify-full'), 'glassbox'))).rejects.toMatchObject({
    code: 'postgres_tls',
  })
})

it('encrypts with allow where the server wants it, and not with prefer where it cannot', async () => {
  const careful = { username: 'careful', password: 'careful' }
  const allowed = await settleTarget(readTarget(servers.at({ ...careful, search: '?sslmode=allow' }), 'glassbox'))
  expect(allowed.sslMode).toBe('require')
  const plain = new URL(await servers.plain.freshUrl())
  plain.search = '?sslmode=prefer'
  expect((await settleTarget(readTarget(plain.href, 'glassbox'))).sslMode).toBe('disable')
  expect((await testConnection(plain.href, 'glassbox')).steps.find(({ name }) => name === 'tls')).toMatchObject({
    note: 'plain',
  })
})
