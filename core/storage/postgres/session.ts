import pg from 'pg'
import { GlassboxError } from '../../base/errors.ts'
import type { ResourceEntry, ScopeEntry } from '../../model/columns.ts'
import { STOP, stopError } from '../sqlite/query-guard.ts'
import { clientOptions, type PostgresTarget } from './connection.ts'
import { isAway, postgresError } from './postgres-error.ts'

/** Which writes a query looks at: all up to `hi` but those that were under way when it began. */
export interface AsOf {
  hi: number
  gaps: number[]
}

/** Writes whose number was taken and that may not be committed yet lie among so many last ones. */
const LOOK_BACK = 200
const FETCH = 2000
const MOST_CONNECTIONS = 4
const FAIL_FAST_MS = 1000

/** One query's read-only snapshot of the database. */
export class Session {
  readonly #client: pg.ClientBase
  readonly schema: string
  readonly entries: Entries
  #cursors = 0

  constructor(client: pg.ClientBase, schema: string, entries: Entries) {
    this.#client = client
    this.schema = schema
    this.entries = entries
  }

  async rows<T>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.#client.query(sql, values)).rows as T[]
  }

  /** Rows in portions, for what may be long; the server plans it to be read from its beginning. */
  async *stream<T>(sql: string, values: unknown[], portion = FETCH): AsyncGenerator<T[]> {
    const name = `c${++this.#cursors}`
    await this.#client.query(`DECLARE ${name} NO SCROLL CURSOR FOR ${sql}`, values)
    for (;;) {
      const { rows } = await this.#client.query(`FETCH ${portion} FROM ${name}`)
      if (rows.length > 0) yield rows as T[]
      if (rows.length < portion) break
    }
    await this.#client.query(`CLOSE ${name}`)
  }

  /** The plan of one SELECT, without running it. */
  async plan<P>(sql: string): Promise<P[]> {
    const one = { text: `EXPLAIN (VERBOSE, FORMAT JSON) ${sql}`, queryMode: 'extended' }
    const { rows } = await this.#client.query(one as pg.QueryConfig)
    const text = (rows as { 'QUERY PLAN': string }[])[0]['QUERY PLAN']
    return (JSON.parse(text) as { Plan: P }[]).map(({ Plan }) => Plan)
  }

  /** One statement of a person, as arrays. */
  async table(sql: string, limit: number): Promise<{ columns: string[]; rows: unknown[][]; truncated: boolean }> {
    // The extended protocol takes one statement only.
    const one = { text: `DECLARE person NO SCROLL CURSOR FOR ${sql}`, queryMode: 'extended' }
    await this.#client.query(one as pg.QueryConfig)
    const { fields, rows } = await this.#client.query({ text: `FETCH ${limit + 1} FROM person`, rowMode: 'array' })
    const truncated = rows.length > limit
    return { columns: fields.map(({ name }) => name), rows: truncated ? rows.slice(0, limit) : rows, truncated }
  }

  /** The newest committed state, for cursors. */
  async asOf(): Promise<AsOf> {
    const [{ hi, gaps }] = await this.rows<{ hi: number; gaps: string }>(
      `WITH newest AS (SELECT coalesce(max(seq), 0) AS hi FROM ${this.schema}._writes)
       SELECT hi, coalesce((SELECT string_agg(g::text, ',') FROM generate_series(greatest(1, hi - ${LOOK_BACK}), hi) g
         WHERE NOT EXISTS (SELECT 1 FROM ${this.schema}._writes w WHERE w.seq = g)), '') AS gaps FROM newest`,
    )
    return { hi, gaps: gaps === '' ? [] : gaps.split(',').map(Number) }
  }

  /** Days of receipt that hold times of the range, as literals, so that the planner leaves other partitions out. */
  async days(signal: 'traces' | 'logs', start: number, end: number): Promise<string> {
    const rows = await this.rows<{ day: number }>(
      `SELECT DISTINCT day FROM ${this.schema}._stored WHERE signal = $1 AND max_time >= $2 AND min_time < $3 ORDER BY 1`,
      [signal, whole(start), whole(end)],
    )
    return rows.length === 0 ? 'false' : `day IN (${rows.map(({ day }) => day).join(',')})`
  }
}

/** A bound as int8 takes it: whole, and within its range. */
export function whole(us: number): string {
  if (us >= 9.2e18) return '9200000000000000000'
  return us <= -9.2e18 ? '-9200000000000000000' : BigInt(Math.ceil(us)).toString()
}

/** Resources and scopes by id; they never change once stored. */
export class Entries {
  resources = new Map<number, ResourceEntry>()
  scopes = new Map<number, ScopeEntry>()

  /** Brings what is new. */
  async load(session: Session): Promise<void> {
    const { schema } = session
    const known = (map: Map<number, unknown>): string[] => [...map.keys()].map(String)
    const resources = await session.rows<{
      id: number
      attributes: string
      dropped: number
      schema_url: string
      service: string
    }>(`SELECT id, attributes, dropped, schema_url, service FROM ${schema}._resources WHERE id <> ALL($1::int8[])`, [
      known(this.resources),
    ])
    for (const { id, attributes, dropped, schema_url, service } of resources) {
      this.resources.set(id, { service, attributes, droppedAttributesCount: dropped, schemaUrl: schema_url })
    }
    const scopes = await session.rows<{
      id: number
      attributes: string
      dropped: number
      schema_url: string
      name: string
      version: string
    }>(`SELECT id, attributes, dropped, schema_url, name, version FROM ${schema}._scopes WHERE id <> ALL($1::int8[])`, [
      known(this.scopes),
    ])
    for (const { id, attributes, dropped, schema_url, name, version } of scopes) {
      this.scopes.set(id, { name, version, attributes, droppedAttributesCount: dropped, schemaUrl: schema_url })
    }
  }
}

/** A query that runs: how to stop it. */
export interface Stoppable {
  stop(why: number): void
}

/** The pool of reading connections. Each query is one read-only transaction on one snapshot. */
export class Sessions {
  #target: PostgresTarget
  #pool: pg.Pool
  #entries = new Entries()
  #failedAt = Number.NEGATIVE_INFINITY
  #failure: Error | null = null

  constructor(target: PostgresTarget) {
    this.#target = target
    this.#pool = new pg.Pool({ ...clientOptions(target), max: MOST_CONNECTIONS, idleTimeoutMillis: 30_000 })
    this.#pool.on('error', () => undefined)
  }

  /**
   * Runs `work`. `started` gets the means to stop it at once.
   * @throws GlassboxError `postgres_unreachable` at once while the server is known to be away
   */
  async run<T>(
    timeoutMs: number,
    started: (query: Stoppable) => void,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    if (this.#failure && performance.now() - this.#failedAt < FAIL_FAST_MS) throw this.#failure
    let why = 0
    let stopNow = (): void => undefined
    const stopped = new Promise<never>((_, reject) => {
      started({
        stop: (sign) => {
          if (why !== 0) return
          why = sign
          stopNow()
          reject(stopError(sign))
        },
      })
    })
    stopped.catch(() => undefined)
    const timer = setTimeout(() => {
      if (why !== 0) return
      why = STOP.late
      stopNow()
    }, timeoutMs)
    try {
      return await Promise.race([
        this.#inTransaction(timeoutMs, work, (stop) => {
          stopNow = stop
          if (why !== 0) stop()
        }),
        stopped,
      ])
    } catch (error) {
      if (why !== 0) throw stopError(why)
      if ((error as { code?: string }).code === '57014') throw stopError(STOP.late)
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async #inTransaction<T>(
    timeoutMs: number,
    work: (session: Session) => Promise<T>,
    stopper: (stop: () => void) => void,
  ): Promise<T> {
    let client: pg.PoolClient
    try {
      client = await this.#pool.connect()
      this.#failure = null
    } catch (error) {
      throw this.#failed(error)
    }
    const onError = (): undefined => undefined
    client.on('error', onError)
    let broken: Error | undefined
    let done = false
    try {
      const begun = (await client.query(
        `BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}; SELECT pg_backend_pid() AS pid`,
      )) as unknown as pg.QueryResult[]
      const { pid } = begun[2].rows[0] as { pid: number }
      stopper(() => {
        if (!done) void this.#cancel(pid)
      })
      const session = new Session(client, this.#target.schema, this.#entries)
      const result = await work(session)
      done = true
      await client.query('COMMIT')
      return result
    } catch (error) {
      done = true
      if (isAway(error)) {
        broken = error as Error
        throw this.#failed(error)
      }
      await client.query('ROLLBACK').catch((failure: Error) => {
        broken = failure
      })
      throw error
    } finally {
      client.removeListener('error', onError)
      client.release(broken)
    }
  }

  #failed(error: unknown): Error {
    const failure = postgresError(error, this.#target)
    this.#failedAt = performance.now()
    this.#failure = failure
    return failure
  }

  /** On a connection of its own: the one that is busy takes nothing. */
  async #cancel(pid: number): Promise<void> {
    const client = new pg.Client(clientOptions(this.#target))
    client.on('error', () => undefined)
    try {
      await client.connect()
      await client.query('SELECT pg_cancel_backend($1)', [pid])
    } catch {
      // The statement's own timeout ends it.
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  async stop(): Promise<void> {
    await this.#pool.end().catch(() => undefined)
  }
}

export function badCursor(): GlassboxError {
  return new GlassboxError('bad_cursor', 'The cursor was not made by this query.')
}
