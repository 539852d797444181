import { randomUUID } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { connect as connectSocket, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type pg from 'pg'
import type { GlassboxError } from '../../base/errors.ts'
import { STORAGE_STEPS, type StorageTest, type StorageTestStep } from '../../model/storage-test.ts'
import { connect, type PostgresTarget, readTarget, settleTarget, tlsOptions } from './connection.ts'
import { postgresError } from './postgres-error.ts'
import { PostgresRefusal } from './refusals.ts'
import { checkServer, schemaVersion } from './schema.ts'

const SOCKET_MS = 5000

/**
 * Tries, step by step, all that storing in this Postgres needs, and leaves nothing behind. Each step comes as soon as it is
 * known; the first one that fails is the last and says why and what to do.
 */
export async function* testSteps(url: string, schema: string): AsyncGenerator<StorageTestStep> {
  let target: PostgresTarget | null = null
  let client: pg.Client | null = null
  const at = (): PostgresTarget => target as PostgresTarget
  const on = (): pg.Client => client as pg.Client
  const work: Record<StorageTestStep['name'], () => Promise<unknown>> = {
    address: async () => {
      target = readTarget(url, schema)
    },
    resolve: () => lookup(at().host),
    connect: async () => (await reach(at())).destroy(),
    tls: () => encrypt(at()),
    login: async () => {
      client = await connect(await settleTarget(at()))
    },
    version: () => checkServer(on()),
    rights: () => checkRights(on(), at()),
    'write and read back': () => writeAndRead(on()),
  }
  try {
    for (const name of STORAGE_STEPS) {
      const began = performance.now()
      const ms = (): number => Math.round(performance.now() - began)
      try {
        const result = await work[name]()
        const note = name === 'tls' ? (result as StorageTestStep['note']) : null
        yield { name, ok: true, ms: ms(), note, code: null, error: null, detail: null, hint: null }
      } catch (error) {
        const known = target ? postgresError(error, target) : (error as GlassboxError)
        const { code, message, hint } = known
        const detail = known instanceof PostgresRefusal ? known.detail : null
        yield { name, ok: false, ms: ms(), note: null, code, error: message, detail, hint: hint ?? null }
        return
      }
    }
  } finally {
    await (client as pg.Client | null)?.end().catch(() => undefined)
  }
}

/** All steps at once. */
export async function testConnection(url: string, schema: string): Promise<StorageTest> {
  const steps: StorageTestStep[] = []
  for await (const step of testSteps(url, schema)) steps.push(step)
  return { ok: steps.every(({ ok }) => ok), steps }
}

function reach({ host, port }: PostgresTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port, timeout: SOCKET_MS })
    socket.once('connect', () => resolve(socket))
    socket.on('timeout', () => socket.destroy(new Error('timeout expired')))
    socket.once('error', reject)
  })
}

/** Asks as every client does, whether the server encrypts, and shakes hands where the address wants that. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])

/** @throws GlassboxError `postgres_tls`, or the error of the handshake */
async function encrypt(target: PostgresTarget): Promise<StorageTestStep['note']> {
  // `allow` encrypts only where the server refuses the login otherwise.
  if (target.sslMode === 'disable' || target.sslMode === 'allow') return 'plain'
  const socket = await reach(target)
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      socket.once('data', (bytes) => resolve(bytes.toString('latin1', 0, 1)))
      socket.once('error', reject)
      socket.once('close', () => reject(new Error('the connection was closed')))
      socket.write(SSL_REQUEST)
    })
    if (answer !== 'S') {
      if (target.sslMode === 'prefer') return 'plain'
      throw new Error('The server does not support SSL connections')
    }
    const options = tlsOptions({ ...target, sslMode: target.sslMode === 'prefer' ? 'require' : target.sslMode })
    const { host } = target
    await new Promise<void>((resolve, reject) => {
      const secure = connectTls(
        { socket, host, ...(isIP(host) ? {} : { servername: host }), ...Object(options) },
        resolve,
      )
      secure.once('error', reject)
    })
    return Object(options).rejectUnauthorized ? 'verified' : 'encrypted'
  } finally {
    socket.destroy()
  }
}

async function checkRights(client: pg.Client, target: PostgresTarget): Promise<void> {
  const known = await schemaVersion(client, target.schema)
  const { rows } = await client.query(
    `SELECT has_database_privilege(current_database(), 'CREATE') AS database,
       (SELECT pg_has_role(current_user, nspowner, 'USAGE') FROM pg_namespace WHERE nspname = $1) AS owner`,
    [target.schema],
  )
  const { database, owner } = rows[0] as { database: boolean; owner: boolean | null }
  if (known > 0 && owner === false) {
    throw new PostgresRefusal('not_owner', { user: target.user, schema: target.schema })
  }
  if (known === 0 && !database && owner !== true) {
    throw new PostgresRefusal('no_schema_right', { user: target.user, database: target.database })
  }
}

/** In a transaction that is taken back. */
async function writeAndRead(client: pg.Client): Promise<void> {
  const name = `glassbox_test_${randomUUID().replaceAll('-', '')}`
  await client.query('BEGIN')
  try {
    await client.query(`CREATE SCHEMA ${name}`)
    await client.query(`CREATE UNLOGGED TABLE ${name}.t (v jsonb)`)
    await client.query(`INSERT INTO ${name}.t VALUES ('{"a": 1}')`)
    const { rowCount } = await client.query(`SELECT 1 FROM ${name}.t WHERE v @> '{"a": 1}'`)
    if (rowCount !== 1) throw new Error('what was written could not be read back')
  } finally {
    await client.query('ROLLBACK')
  }
}
