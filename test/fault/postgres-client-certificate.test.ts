import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { readTarget } from '../../core/storage/postgres/connection.ts'
import { testConnection } from '../../core/storage/postgres/test-connection.ts'
import { makeAuthority } from '../fixtures/certificates.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { encryptServer, putLoginRules } from '../fixtures/postgres-tls.ts'

const folder = mkdtempSync(join(tmpdir(), 'glassbox-certificates-'))
const authority = makeAuthority('test authority')
const files: Record<string, string> = {}
let server: PostgresServer
let url: URL

function put(name: string, text: string): void {
  files[name] = join(folder, name)
  writeFileSync(files[name], text, { mode: 0o644 })
}

beforeAll(async () => {
  // The server, which is another user, reads the authority's certificate there.
  chmodSync(folder, 0o755)
  put('authority', authority.certificate)
  for (const [name, issuer] of [
    ['team', authority],
    ['other', authority],
    ['stranger', makeAuthority('another authority')],
  ] as const) {
    const { certificate, key } = issuer.issue([name])
    put(`${name}.pem`, certificate)
    put(`${name}.key`, key)
  }
  server = await startPostgres()
  url = new URL(await server.freshUrl())
  await server.sql(`CREATE ROLE team LOGIN; GRANT CREATE ON DATABASE ${url.pathname.slice(1)} TO team`)
  await server.sql(`ALTER SYSTEM SET ssl_ca_file = '${files.authority}'`)
  await encryptServer(server, authority.issue(['localhost', '127.0.0.1']))
  await putLoginRules(server, ['hostssl all team all cert'])
  url.username = 'team'
  url.password = ''
}, 60_000)
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

function at(parameters: Record<string, string>): string {
  const one = new URL(url)
  one.search = String(new URLSearchParams({ sslmode: 'verify-full', sslrootcert: files.authority, ...parameters }))
  return one.href
}
const shown = (name: string) => ({ sslcert: files[`${name}.pem`], sslkey: files[`${name}.key`] })

it('logs in by a client certificate, without a password', async () => {
  const { ok, steps } = await testConnection(at(shown('team')), 'glassbox')
  expect(steps.filter((step) => !step.ok)).toEqual([])
  expect(ok).toBe(true)
  // Where the server's own certificate is not checked, too.
  expect(await testConnection(at({ ...shown('team'), sslmode: 'require', sslrootcert: '' }), 'glassbox')).toMatchObject(
    {
      ok: true,
    },
  )
})

it.each([
  ['none', () => ({}), 'postgres_login', /wants a certificate of team/, /sslcert=FILE and sslkey=FILE/],
  ['that of somebody else', () => shown('other'), 'postgres_login', /refused the login of team/, /./],
  ['one of a stranger', () => shown('stranger'), 'postgres_tls', /TLS with|not trusted|fails/, /./],
] as const)('says what is wrong with %s', async (_, parameters, code, error, hint) => {
  const { steps } = await testConnection(at(parameters()), 'glassbox')
  expect(steps.at(-1)).toMatchObject({
    ok: false,
    code,
    error: expect.stringMatching(error),
    hint: expect.stringMatching(hint),
  })
})

it.each([
  ['a certificate without its key', () => ({ sslcert: files['team.pem'] }), /together/],
  ['a key without its certificate', () => ({ sslkey: files['team.key'] }), /together/],
  [
    'a file that is not there',
    () => ({ ...shown('team'), sslkey: join(folder, 'none') }),
    /sslkey .*none cannot be read/,
  ],
  ['no certificate', () => ({ ...shown('team'), sslcert: files['team.key'] }), /holds no certificate/],
  ['no key', () => ({ ...shown('team'), sslkey: files['team.pem'] }), /holds no key/],
  ["another certificate's key", () => ({ ...shown('team'), sslkey: files['other.key'] }), /is not the key of/],
])('refuses %s before it connects', (_, parameters, words) => {
  expect(() => readTarget(at(parameters()), 'glassbox')).toThrow(words)
})
