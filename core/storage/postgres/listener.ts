import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { connect, type PostgresTarget } from './connection.ts'
import { changesChannel } from './write-transaction.ts'

const GATHER_MS = 100
const ECHO_MS = 5000
const RETRY_MS = 10_000
/** How long a server whose notices do not come through (a pooler between) is left alone. */
const POOLED_RETRY_MS = 600_000

/**
 * Hears of writes of other hosts, on a connection of its own: LISTEN belongs to one session, which PgBouncer in
 * transaction mode does not give. So the first notice is our own, sent over another connection; when it does not come
 * back, nobody listens and the live tail asks from time to time, as it does anyway. Payloads are numbers of writes.
 */
export class ChangeListener {
  #target: PostgresTarget
  #heard: (seq: number | null) => void
  #client: pg.Client | null = null
  #timer: NodeJS.Timeout | null = null
  #gather: NodeJS.Timeout | null = null
  #newest = 0
  #stopped = false

  /** @param heard told the newest write; null when it begins to listen, as what was written before is not announced */
  constructor(target: PostgresTarget, heard: (seq: number | null) => void) {
    this.#target = target
    this.#heard = heard
  }

  /** Whether notices arrive. */
  get listening(): boolean {
    return this.#client !== null
  }

  start(): void {
    this.#again(0)
  }

  async #listen(): Promise<void> {
    let client: pg.Client
    try {
      client = await connect(this.#target)
    } catch {
      this.#again(RETRY_MS)
      return
    }
    const channel = changesChannel(this.#target.schema)
    const echo = randomUUID()
    let heardEcho = (): void => undefined
    const came = new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => resolve(false), ECHO_MS)
      heardEcho = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
    client.on('notification', ({ payload }) => {
      if (payload === echo) heardEcho()
      else this.#notice(Number(payload))
    })
    client.on('end', () => {
      if (this.#client !== client) return
      this.#client = null
      this.#again(RETRY_MS)
    })
    try {
      await client.query(`LISTEN ${channel}`)
      const other = await connect(this.#target)
      await other.query(`NOTIFY ${channel}, '${echo}'`).finally(() => other.end())
      if ((await came) && !this.#stopped) {
        this.#client = client
        this.#heard(null)
        return
      }
      await client.end()
      this.#again(POOLED_RETRY_MS)
    } catch {
      heardEcho()
      await client.end().catch(() => undefined)
      this.#again(RETRY_MS)
    }
  }

  #notice(seq: number): void {
    if (!Number.isSafeInteger(seq)) return
    this.#newest = Math.max(this.#newest, seq)
    this.#gather ??= setTimeout(() => {
      this.#gather = null
      this.#heard(this.#newest)
    }, GATHER_MS)
  }

  #again(afterMs: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.#listen(), afterMs)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    if (this.#gather) clearTimeout(this.#gather)
    await this.#client?.end().catch(() => undefined)
  }
}
