import type pg from 'pg'
import { GlassboxError } from '../../base/errors.ts'

const NAME = 'upkeep'
const LASTS = '20 seconds'

/**
 * The lease that one host at a time holds for retention. It expires on the database's clock; each new holder gets a
 * larger fencing number, and what a holder does checks that number in the same transaction.
 */
export class Lease {
  #schema: string
  #host: string
  #fence: number | null = null

  constructor(schema: string, host: string) {
    this.#schema = schema
    this.#host = host
  }

  get schema(): string {
    return this.#schema
  }

  /**
   * Takes or prolongs the lease. Never waits: while its holder works under it, the row is locked and left alone.
   * @returns its fencing number, or null while another host holds it
   */
  async renew(client: pg.ClientBase): Promise<number | null> {
    const renewed = await client.query(
      `UPDATE ${this.#schema}._lease l SET host = $2, expires = clock_timestamp() + interval '${LASTS}',
         fence = l.fence + CASE WHEN l.host = $2 AND l.expires > clock_timestamp() THEN 0 ELSE 1 END
       FROM (SELECT name FROM ${this.#schema}._lease WHERE name = $1 AND (host = $2 OR expires < clock_timestamp())
         FOR UPDATE SKIP LOCKED) free WHERE l.name = free.name RETURNING l.fence`,
      [NAME, this.#host],
    )
    let rows = renewed.rows as { fence: number }[]
    if (rows.length === 0) {
      const held = await client.query(`SELECT host FROM ${this.#schema}._lease WHERE name = $1`, [NAME])
      if ((held.rows[0] as { host: string } | undefined)?.host === this.#host) return this.#fence
      const first = await client.query(
        `INSERT INTO ${this.#schema}._lease VALUES ($1, $2, 1, clock_timestamp() + interval '${LASTS}')
         ON CONFLICT (name) DO NOTHING RETURNING fence`,
        [NAME, this.#host],
      )
      rows = first.rows as { fence: number }[]
    }
    this.#fence = rows[0]?.fence ?? null
    return this.#fence
  }

  /** Whether this host still holds it; the row stays locked to the end of the transaction, so nobody can take it over meanwhile. */
  async holds(client: pg.ClientBase): Promise<boolean> {
    const { rowCount } = await client.query(
      `SELECT 1 FROM ${this.#schema}._lease WHERE name = $1 AND host = $2 AND fence = $3 AND expires > clock_timestamp() FOR UPDATE`,
      [NAME, this.#host, this.#fence ?? -1],
    )
    return rowCount === 1
  }

  /**
   * One transaction that only the holder does: the row stays locked until it ends.
   * @throws GlassboxError `storage_unavailable` when another host has taken over, and nothing is done
   */
  async guard(client: pg.ClientBase, work: () => Promise<void>): Promise<void> {
    await client.query('BEGIN')
    try {
      await client.query("SET LOCAL lock_timeout = '5s'")
      if (!(await this.holds(client))) {
        throw new GlassboxError('storage_unavailable', 'another host has taken over retention', 'Nothing to do.')
      }
      await work()
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  async release(client: pg.ClientBase): Promise<void> {
    await client.query(`UPDATE ${this.#schema}._lease SET expires = clock_timestamp() WHERE name = $1 AND host = $2`, [
      NAME,
      this.#host,
    ])
  }
}
