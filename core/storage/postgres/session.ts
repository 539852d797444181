import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { GlassboxError } from '../../base/errors.ts'
import type { ResourceEntry, ScopeEntry } from '../../model/columns.ts'
import { STOP, stopError } from '../sqlite/read/query-guard.ts'
import { clientOptions, type PostgresTarget, settleTarget } from './connection.ts'
import { CopyRows } from './copy-rows.ts'
import { isAway, postgresError } from './postgres-error.ts'

/** Which writes a query looks at: all up to `hi` but those that were under way when it began. */
export interface AsOf {
  hi: number
  gaps: number[]
}

/** Condition that leaves out what was written after `asOf`; all of it plain numbers. */
export function seenBy({ hi, gaps }: AsOf): string {
  return gaps.length === 0 ? `seq <= ${hi}` : `seq <= ${hi} AND seq NOT IN (${gaps.join(',')})`
}

/** Writes whose number was taken and that may not be committed yet lie among so many last ones. */
const LOOK_BACK = 200
const FETCH = 2000
const MOST_CONNECTIONS = 4
const FAIL_FAST_MS = 1000
/** Traces are grouped in memory: with the server's default of 4 MB some 50,000 of them would go through its disk. */
const moreMemory = (kB: number): string =>
  `set_config('work_mem', greatest(pg_size_bytes(current_setting('work_mem')) / 1024, ${kB}) || 'kB', true)`
const SOME_KB = 32_768
const MOST_KB = 131_072
/** What one trace that is grouped takes. */
const BYTES_A_TRACE = 200

/** Traces that reach over more than an hour; see SpreadTraces in spread-traces.ts. */
export interface Spread {
  within(session: Session, from: number, end: number): Promise<string[]>
  among(session: Session, ids: readonly string[]): Promise<string[]>
  isCurrent(asOf: AsOf): boolean
}

/** What nearly every query needs to know first. */
interface Facts {
  asOf: AsOf
  settled: ReadonlySet<number>
  indexed: ReadonlySet<number>
  parts: Record<'traces' | 'logs', PartRange[]>
}

/** One query's read-only snapshot of the database. */
export class Session {
  readonly #client: pg.ClientBase
  readonly schema: string
  readonly entries: Entries
  readonly spread: Spread
  #cursors = 0
  #beginning: boolean | null = null
  #facts: Promise<Facts> | null = null

  constructor(client: pg.ClientBase, schema: string, entries: Entries, spread: Spread) {
    this.#client = client
    this.schema = schema
    this.entries = entries
    this.spread = spread
  }

  async rows<T>(sql: string, values: unknown[] = []): Promise<T[]> {
    return (await this.#client.query(sql, values)).rows as T[]
  }

  /**
   * Rows in portions, for what may be long.
   * @param beginning whether the server is to plan for the first rows rather than for all of them
   */
  async *stream<T>(
    sql: string,
    values: unknown[],
    portion = (): number => FETCH,
    beginning = false,
  ): AsyncGenerator<T[]> {
    const name = `c${++this.#cursors}`
    const set = beginning === this.#beginning ? '' : `SET LOCAL cursor_tuple_fraction = ${beginning ? 0.001 : 1}; `
    this.#beginning = beginning
    const declare = `DECLARE ${name} NO SCROLL CURSOR FOR ${sql}`
    let wanted = portion()
    let rows: T[]
    if (values.length === 0) {
      // One way to the server for all of it; the end of the transaction closes the cursor.
      const answers = await this.#client.query(`${set}${declare}; FETCH ${wanted} FROM ${name}`)
      rows = (answers as unknown as pg.QueryResult[]).at(-1)?.rows as T[]
    } else {
      if (set !== '') await this.#client.query(set)
      await this.#client.query(declare, values)
      rows = await this.rows<T>(`FETCH ${wanted} FROM ${name}`)
    }
    for (;;) {
      if (rows.length > 0) yield rows
      if (rows.length < wanted) return
      wanted = portion()
      rows = await this.rows<T>(`FETCH ${wanted} FROM ${name}`)
    }
  }

  /**
   * Rows in portions, of what is most often not much: asked for as a plain statement first, as the server lets several
   * processes look for its rows, which it never does for a cursor.
   */
  async *few<T>(sql: string, values: unknown[]): AsyncGenerator<T[]> {
    const rows = await this.rows<T>(`${sql} LIMIT ${FETCH + 1}`, values)
    if (rows.length <= FETCH) {
      if (rows.length > 0) yield rows
      return
    }
    yield* this.stream<T>(sql, values)
  }

  /** Rows of a statement without parameters, each handed over as it comes; for what is read in bulk. */
  async copyOut(select: string, fields: number, take: (row: CopyRows) => void): Promise<void> {
    const stream = this.#client.query(copyTo(`COPY (${select}) TO STDOUT (FORMAT binary)`))
    const rows = new CopyRows(fields)
    let failure: unknown = null
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      // The rest must be read all the same: the connection is used again.
      if (failure !== null) continue
      rows.push(chunk)
      try {
        while (rows.next()) take(rows)
      } catch (error) {
        failure = error
      }
    }
    if (failure !== null) throw failure
  }

  /** The plan of one SELECT, without running it. */
  async plan<P>(sql: string, values: unknown[] = []): Promise<P[]> {
    const one = { text: `EXPLAIN (VERBOSE, FORMAT JSON) ${sql}`, values, queryMode: 'extended' }
    const { rows } = await this.#client.query(one as pg.QueryConfig)
    const text = (rows as { 'QUERY PLAN': string }[])[0]['QUERY PLAN']
    return (JSON.parse(text) as { Plan: P }[]).map(({ Plan }) => Plan)
  }

  /** One statement of a person, as arrays. */
  async table(
    sql: string,
    limit: number,
    values: unknown[] = [],
  ): Promise<{ columns: string[]; rows: unknown[][]; truncated: boolean }> {
    // The extended protocol takes one statement only.
    const one = { text: `DECLARE person NO SCROLL CURSOR FOR ${sql}`, values, queryMode: 'extended' }
    await this.#client.query(one as pg.QueryConfig)
    const { fields, rows } = await this.#client.query({ text: `FETCH ${limit + 1} FROM person`, rowMode: 'array' })
    const truncated = rows.length > limit
    return { columns: fields.map(({ name }) => name), rows: truncated ? rows.slice(0, limit) : rows, truncated }
  }

  /** Has the server keep so many traces in memory while it groups them, as far as that is bearable. */
  async roomFor(traces: number): Promise<void> {
    const kB = Math.min(MOST_KB, Math.ceil((traces * BYTES_A_TRACE) / 1024))
    if (kB > SOME_KB) await this.rows(`SELECT ${moreMemory(kB)}`)
  }

  /** Brings the newest resources and scopes into `entries`, once a session. */
  async load(): Promise<void> {
    await this.#known()
  }

  /** The newest committed state, for cursors. */
  async asOf(): Promise<AsOf> {
    return (await this.#known()).asOf
  }

  /** What every part holds of a signal, as the writes that count were committed; oldest first. */
  async parts(signal: 'traces' | 'logs'): Promise<PartRange[]> {
    return (await this.#known()).parts[signal]
  }

  /** Parts of which whole traces are known; see settled-parts.ts. */
  async settled(): Promise<ReadonlySet<number>> {
    return (await this.#known()).settled
  }

  /** Parts whose attributes are indexed. */
  async indexed(): Promise<ReadonlySet<number>> {
    return (await this.#known()).indexed
  }

  /** All of it with one way to the server and back. */
  #known(): Promise<Facts> {
    this.#facts ??= this.#ask()
    return this.#facts
  }

  async #ask(): Promise<Facts> {
    const { schema } = this
    const answers = (await this.#client.query(
      `SELECT seq FROM ${schema}._writes ORDER BY seq DESC LIMIT ${LOOK_BACK};
       SELECT signal, part, sum(rows) AS rows, min(min_time) AS min, max(max_time) AS max FROM ${schema}._stored GROUP BY 1, 2 ORDER BY 2;
       ${this.entries.newest(schema)};
       SELECT part, settled, indexed FROM ${schema}._parts WHERE settled OR indexed`,
    )) as unknown as pg.QueryResult[]
    const [writes, stored, entries, done] = answers.map(({ rows }) => rows as unknown[])
    this.entries.take(entries as EntryRow[])
    const ranges = stored as (PartRange & { signal: string })[]
    const those = (of: 'settled' | 'indexed'): Set<number> =>
      new Set(
        (done as { part: number; settled: boolean; indexed: boolean }[]).flatMap((one) => (one[of] ? [one.part] : [])),
      )
    const of = (signal: string): PartRange[] => ranges.filter((range) => range.signal === signal)
    return {
      asOf: asOfWrites(writes as { seq: number }[]),
      settled: those('settled'),
      indexed: those('indexed'),
      parts: { traces: of('traces'), logs: of('logs') },
    }
  }

  /** Condition for the parts that hold times of the range, as literals, so that the planner leaves the others out. */
  async inParts(signal: 'traces' | 'logs', start: number, end: number): Promise<string> {
    const held = (await this.parts(signal)).filter(({ min, max }) => max >= start && min < end)
    return held.length === 0 ? 'false' : `part IN (${held.map(({ part }) => part).join(',')})`
  }
}

/** @param rows the newest writes, latest first */
function asOfWrites(rows: { seq: number }[]): AsOf {
  const known = new Set(rows.map(({ seq }) => seq))
  const hi = rows[0]?.seq ?? 0
  const gaps: number[] = []
  // Numbers before the oldest one known belong to writes that are forgotten.
  for (let seq = rows.at(-1)?.seq ?? 0; seq < hi; seq++) if (!known.has(seq)) gaps.push(seq)
  return { hi, gaps }
}

/** Times are µs, both inclusive. */
export interface PartRange {
  part: number
  rows: number
  min: number
  max: number
}

/** An id of bytes as the driver gives it (`\\x01ab`), in hex. */
export function hexId(bytes: string): string {
  return bytes.slice(2)
}

/** An id in hex as a parameter of type bytea. */
export function idBytes(hex: string): string {
  return `\\x${hex}`
}

/** A bound as int8 takes it: whole, and within its range. */
export function whole(us: number): string {
  if (us >= 9.2e18) return '9200000000000000000'
  return us <= -9.2e18 ? '-9200000000000000000' : BigInt(Math.ceil(us)).toString()
}

/** Entries are numbered as they are stored; one whose transaction took long may come after so many later ones. */
const ENTRY_OVERLAP = 64

interface EntryRow {
  scope: boolean
  id: number
  n: number
  attributes: string
  dropped: number
  schema_url: string
  name: string
  version: string
}

/** Resources and scopes by id; they never change once stored. */
export class Entries {
  resources = new Map<number, ResourceEntry>()
  scopes = new Map<number, ScopeEntry>()
  #resources = 0
  #scopes = 0

  /** The statement that brings what is new. */
  newest(schema: string): string {
    const base = 'id, n, attributes, dropped, schema_url'
    return `SELECT false AS scope, ${base}, service AS name, '' AS version FROM ${schema}._resources WHERE n > ${this.#resources - ENTRY_OVERLAP}
      UNION ALL SELECT true, ${base}, name, version FROM ${schema}._scopes WHERE n > ${this.#scopes - ENTRY_OVERLAP}`
  }

  take(rows: EntryRow[]): void {
    for (const { scope, id, n, attributes, dropped, schema_url: schemaUrl, name, version } of rows) {
      const entry = { attributes, droppedAttributesCount: dropped, schemaUrl }
      if (scope) {
        this.#scopes = Math.max(this.#scopes, n)
        this.scopes.set(id, { ...entry, name, version })
      } else {
        this.#resources = Math.max(this.#resources, n)
        this.resources.set(id, { ...entry, service: name })
      }
    }
  }

  /** Ids of the resources of a service. */
  ofService(service: string): number[] {
    return [...this.resources].flatMap(([id, entry]) => (entry.service === service ? [id] : []))
  }
}

/** A query that runs: how to stop it. */
export interface Stoppable {
  stop(why: number): void
}

/** The pool of reading connections. Each query is one read-only transaction on one snapshot. */
export class Sessions {
  #target: PostgresTarget
  /** Made once it is known how the server is to be spoken to. */
  #pool: Promise<pg.Pool> | null = null
  #entries = new Entries()
  readonly #spread: Spread
  #failedAt = Number.NEGATIVE_INFINITY
  #failure: Error | null = null

  constructor(target: PostgresTarget, spread: Spread) {
    this.#target = target
    this.#spread = spread
  }

  async #makePool(): Promise<pg.Pool> {
    const settled = await settleTarget(this.#target)
    this.#target = settled
    const pool = new pg.Pool({ ...clientOptions(settled), max: MOST_CONNECTIONS, idleTimeoutMillis: 30_000 })
    pool.on('error', () => undefined)
    return pool
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
      this.#pool ??= this.#makePool()
      client = await (await this.#pool).connect()
      this.#failure = null
    } catch (error) {
      await this.#pool?.catch(() => {
        this.#pool = null
      })
      throw this.#failed(error)
    }
    const onError = (): undefined => undefined
    client.on('error', onError)
    let broken: Error | undefined
    let done = false
    try {
      const begun = (await client.query(
        `BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}; SET LOCAL jit = off; SELECT pg_backend_pid() AS pid, ${moreMemory(SOME_KB)}`,
      )) as unknown as pg.QueryResult[]
      const { pid } = begun[3].rows[0] as { pid: number }
      stopper(() => {
        if (!done) void this.#cancel(pid)
      })
      const session = new Session(client, this.#target.schema, this.#entries, this.#spread)
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

  /** The next query tries, whatever became of the last one. */
  forgetFailure(): void {
    this.#failure = null
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
    const pool = await this.#pool?.catch(() => null)
    await pool?.end().catch(() => undefined)
  }
}

export function badCursor(): GlassboxError {
  return new GlassboxError('bad_cursor', 'The cursor was not made by this query.')
}
