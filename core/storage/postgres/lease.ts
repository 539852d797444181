import type pg from 'pg'

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

  /** Takes or prolongs the lease. @returns its fencing number, or null while another host holds it */
  async renew(client: pg.ClientBase): Promise<number | null> {
    const { rows } = await client.query(
      `INSERT INTO ${this.#schema}._lease AS l VALUES ($1, $2, 1, clock_timestamp() + interval '${LASTS}')
       ON CONFLICT (name) DO UPDATE SET host = excluded.host, expires = excluded.expires,
         fence = l.fence + CASE WHEN l.host = excluded.host AND l.expires > clock_timestamp() THEN 0 ELSE 1 END
       WHERE l.host = excluded.host OR l.expires < clock_timestamp() RETURNING fence`,
      [NAME, this.#host],
    )
    this.#fence = (rows[0] as { fence: number } | undefined)?.fence ?? null
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

  async release(client: pg.ClientBase): Promise<void> {
    await client.query(`UPDATE ${this.#schema}._lease SET expires = clock_timestamp() WHERE name = $1 AND host = $2`, [
      NAME,
      this.#host,
    ])
  }
}
