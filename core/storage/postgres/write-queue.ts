import { deserialize, serialize } from 'node:v8'
import type { Clock } from '../../base/clock.ts'
import { DiskQueue } from '../../base/disk-queue.ts'
import type { PendingWrite } from './write-transaction.ts'

/** What one transaction of a drain takes at most; readers look for open numbers among the last 200 only. */
const A_RUN = { writes: 100, rows: 20_000, bytes: 8 * 1024 * 1024 }
const RATE_MS = 5000

/** Writes that wait on disk, in order, for Postgres to come back; the tag of each says its rows and id. */
export class WriteQueue {
  readonly #queue: DiskQueue
  readonly #clock: Clock
  /** Rows that wait. */
  readonly rows = { spans: 0, logs: 0 }
  /** So many of the oldest go one by one, as one of them is refused. */
  #alone = 0
  /** Rows of the runs that were stored of late. */
  #stored: { atMs: number; rows: number }[] = []

  /** Finds what an earlier run left. @param limit most bytes on disk */
  constructor(folder: string, limit: () => number, clock: Clock) {
    this.#queue = new DiskQueue(folder, '.write', limit)
    this.#clock = clock
    for (const tag of this.#queue.tags) this.#count(readTag(tag), 1)
  }

  get length(): number {
    return this.#queue.length
  }

  get bytes(): number {
    return this.#queue.bytes
  }

  #count({ spans, logs }: Rows, sign: 1 | -1): void {
    this.rows.spans += sign * spans
    this.rows.logs += sign * logs
  }

  /** False when there is no room, or the disk takes nothing. */
  push(write: PendingWrite): boolean {
    const body = serialize({ spans: write.spans, logs: write.logs })
    const sum = (list: { n: number }[]): number => list.reduce((total, batch) => total + batch.n, 0)
    const rows = { spans: sum(write.spans), logs: sum(write.logs) }
    if (this.#queue.push(`${rows.spans}_${rows.logs}_${write.id}`, body) !== 'kept') return false
    this.#count(rows, 1)
    return true
  }

  /** The oldest writes, as many as one transaction takes; none when the first one's file is damaged. */
  run(): PendingWrite[] {
    const run: PendingWrite[] = []
    const most = this.#alone > 0 ? 1 : A_RUN.writes
    let rows = 0
    let bytes = 0
    for (let one = this.#queue.peek(); one?.body && run.length < most; one = this.#queue.peek(run.length)) {
      const { spans, logs, id } = readTag(one.tag)
      rows += spans + logs
      bytes += one.body.length
      if (run.length > 0 && (rows > A_RUN.rows || bytes > A_RUN.bytes)) break
      run.push({ id, ...(deserialize(one.body) as Omit<PendingWrite, 'id'>) })
    }
    return run
  }

  /** The next so many are taken one by one. */
  oneByOne(writes: number): void {
    this.#alone = writes
  }

  /** Forgets the oldest writes: they are stored. */
  stored(writes: number): void {
    let rows = 0
    for (let write = 0; write < writes; write++) {
      const { spans, logs } = this.#shift()
      rows += spans + logs
    }
    const now = this.#clock.monotonicMs()
    this.#stored = [...this.#stored.filter(({ atMs }) => atMs > now - RATE_MS), { atMs: now, rows }]
  }

  /** Forgets the oldest write, which cannot be stored. @returns what it held */
  leaveOut(): Rows {
    return this.#shift()
  }

  #shift(): Rows {
    const rows = readTag(this.#queue.shift() ?? '0_0_')
    this.#count(rows, -1)
    this.#alone = Math.max(0, this.#alone - 1)
    return rows
  }

  /** Spans and log records that leave the queue, of the last seconds; null while none do. */
  get storedPerSecond(): number | null {
    const now = this.#clock.monotonicMs()
    const recent = this.#stored.filter(({ atMs }) => atMs > now - RATE_MS)
    // The first one's rows were stored before the time that is measured.
    if (this.length === 0 || recent.length < 2) return null
    const rows = recent.slice(1).reduce((sum, one) => sum + one.rows, 0)
    return Math.round((rows / Math.max(1, now - recent[0].atMs)) * 1000)
  }
}

interface Rows {
  spans: number
  logs: number
}

function readTag(tag: string): Rows & { id: string } {
  const [spans, logs, id] = tag.split('_')
  return { spans: Number(spans), logs: Number(logs), id }
}
