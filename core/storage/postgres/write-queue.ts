import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { crc32 } from 'node:zlib'
import type { PendingWrite } from './write-transaction.ts'

const SUFFIX = '.write'

interface Waiting {
  name: string
  bytes: number
  spans: number
  logs: number
}

/**
 * Writes that wait on disk, in order, for Postgres to come back: one file a write, named by its number, rows and id. A
 * file that was not written to its end (a crash) is left out and said.
 */
export class WriteQueue {
  #folder: string
  #limit: () => number
  #waiting: Waiting[] = []
  #next = 1
  bytes = 0

  /** Finds what an earlier run left. @param limit most bytes on disk */
  constructor(folder: string, limit: () => number) {
    this.#folder = folder
    this.#limit = limit
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(folder).sort()) {
      if (!name.endsWith(SUFFIX)) {
        rmSync(join(folder, name), { force: true })
        continue
      }
      const [number, spans, logs] = name.split('_').map(Number)
      const { size } = statSync(join(folder, name))
      this.#waiting.push({ name, bytes: size, spans, logs })
      this.bytes += size
      this.#next = number + 1
    }
  }

  get length(): number {
    return this.#waiting.length
  }

  /** Rows that wait. */
  get rows(): { spans: number; logs: number } {
    return this.#waiting.reduce((sum, one) => ({ spans: sum.spans + one.spans, logs: sum.logs + one.logs }), {
      spans: 0,
      logs: 0,
    })
  }

  /** False when there is no room, or the disk takes nothing. */
  push(write: PendingWrite): boolean {
    const body = serialize({ spans: write.spans, logs: write.logs })
    if (this.bytes + body.length + 4 > this.#limit()) return false
    const sum = (list: { n: number }[]): number => list.reduce((total, batch) => total + batch.n, 0)
    const spans = sum(write.spans)
    const logs = sum(write.logs)
    const name = `${String(this.#next).padStart(12, '0')}_${spans}_${logs}_${write.id}${SUFFIX}`
    const check = Buffer.alloc(4)
    check.writeUInt32BE(crc32(body))
    const part = join(this.#folder, 'part')
    try {
      writeFileSync(part, Buffer.concat([check, body]), { mode: 0o600 })
      renameSync(part, join(this.#folder, name))
    } catch {
      rmSync(part, { force: true })
      return false
    }
    this.#next++
    this.#waiting.push({ name, bytes: body.length + 4, spans, logs })
    this.bytes += body.length + 4
    return true
  }

  /** The oldest write; null content when its file is damaged. */
  peek(): { write: PendingWrite | null; spans: number; logs: number } | null {
    const first = this.#waiting[0]
    if (!first) return null
    const { spans, logs, name } = first
    try {
      const file = readFileSync(join(this.#folder, name))
      const body = file.subarray(4)
      if (crc32(body) !== file.readUInt32BE(0)) return { write: null, spans, logs }
      const id = name.slice(0, -SUFFIX.length).split('_')[3]
      return { write: { id, ...(deserialize(body) as Omit<PendingWrite, 'id'>) }, spans, logs }
    } catch {
      return { write: null, spans, logs }
    }
  }

  /** Forgets the oldest write: it is stored, or cannot be. */
  shift(): void {
    const first = this.#waiting.shift()
    if (!first) return
    rmSync(join(this.#folder, first.name), { force: true })
    this.bytes -= first.bytes
  }
}
