import { randomUUID } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { connect as connectSocket } from 'node:net'
import type pg from 'pg'
import { GlassboxError } from '../../base/errors.ts'
import { connect, type PostgresTarget, readTarget, settleTarget } from './connection.ts'
import { postgresError } from './postgres-error.ts'
import { checkServer, schemaVersion } from './schema.ts'

export interface TestStep {
  name: 'address' | 'resolve' | 'connect' | 'login' | 'version' | 'rights' | 'write and read back'
  ok: boolean
  ms: number
  error: string | null
  hint: string | null
}

const SOCKET_MS = 5000

/**
 * Tries, step by step, all that storing in this Postgres needs, and leaves nothing behind. Stops at the first step that
 * fails, which says why and what to do.
 */
export async function testConnection(url: string, schema: string): Promise<{ ok: boolean; steps: TestStep[] }> {
  const steps: TestStep[] = []
  let client: pg.Client | null = null
  const step = async <T>(
    name: TestStep['name'],
    work: () => Promise<T>,
    target?: PostgresTarget,
  ): Promise<T | null> => {
    if (steps.some(({ ok }) => !ok)) return null
    const began = performance.now()
    const ms = (): number => Math.round(performance.now() - began)
    try {
      const result = await work()
      steps.push({ name, ok: true, ms: ms(), error: null, hint: null })
      return result
    } catch (error) {
      const known = target ? postgresError(error, target) : (error as GlassboxError)
      steps.push({ name, ok: false, ms: ms(), error: known.message, hint: known.hint ?? null })
      return null
    }
  }
  const target = await step('address', async () => readTarget(url, schema))
  if (!target) return { ok: false, steps }
  await step('resolve', () => lookup(target.host), target)
  await step('connect', () => reach(target), target)
  client = await step('login', async () => connect(await settleTarget(target)), target)
  const connected = client
  try {
    if (connected) {
      await step('version', () => checkServer(connected), target)
      await step('rights', () => checkRights(connected, target), target)
      await step('write and read back', () => writeAndRead(connected), target)
    }
  } finally {
    await client?.end().catch(() => undefined)
  }
  return { ok: steps.every(({ ok }) => ok), steps }
}

function reach({ host, port }: PostgresTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectSocket({ host, port, timeout: SOCKET_MS })
    socket.once('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.once('timeout', () => socket.destroy(new Error('timeout expired')))
    socket.once('error', reject)
  })
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
    throw new GlassboxError('postgres_no_rights', `${target.user} does not own schema ${target.schema}`)
  }
  if (known === 0 && !database && owner !== true) {
    throw new GlassboxError('postgres_no_rights', `${target.user} may not create a schema in ${target.database}`)
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
