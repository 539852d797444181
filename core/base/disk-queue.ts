import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'

const CHECK_BYTES = 4

interface Waiting {
  name: string
  tag: string
  bytes: number
}

/**
 * Records that wait on disk in the order they came, one file each, named by its number and a tag. A file that was not
 * written to its end (a crash) is removed at the next start; one damaged later comes out as null.
 */
export class DiskQueue {
  #folder: string
  #suffix: string
  #limit: () => number
  #waiting: Waiting[] = []
  /** Records before it were shifted out. */
  #first = 0
  #next = 1
  bytes = 0

  /** Finds what an earlier run left. @param limit most bytes on disk */
  constructor(folder: string, suffix: string, limit: () => number) {
    this.#folder = folder
    this.#suffix = suffix
    this.#limit = limit
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile())
    for (const name of entries.map((entry) => entry.name).sort()) {
      if (!name.endsWith(suffix)) {
        rmSync(join(folder, name), { force: true })
        continue
      }
      const { size } = statSync(join(folder, name))
      const [number] = name.split('_', 1)
      this.#waiting.push({ name, tag: name.slice(number.length + 1, -suffix.length), bytes: size })
      this.bytes += size
      this.#next = Number(number) + 1
    }
  }

  get length(): number {
    return this.#waiting.length - this.#first
  }

  /** Tags of what waits, oldest first. */
  get tags(): string[] {
    return this.#waiting.slice(this.#first).map(({ tag }) => tag)
  }

  /** Appends a record. @param tag letters, digits, `-` and `_` */
  push(tag: string, body: Uint8Array): 'kept' | 'full' | 'failed' {
    const bytes = body.length + CHECK_BYTES
    if (this.bytes + bytes > this.#limit()) return 'full'
    const name = `${String(this.#next).padStart(12, '0')}_${tag}${this.#suffix}`
    const check = Buffer.alloc(CHECK_BYTES)
    check.writeUInt32BE(crc32(body))
    const part = join(this.#folder, 'part')
    try {
      writeFileSync(part, Buffer.concat([check, body]), { mode: 0o600 })
      renameSync(part, join(this.#folder, name))
    } catch {
      rmSync(part, { force: true })
      return 'failed'
    }
    this.#next++
    this.#waiting.push({ name, tag, bytes })
    this.bytes += bytes
    return 'kept'
  }

  /** The record at `index`, 0 being the oldest; its body is null when the file is damaged or gone. */
  peek(index = 0): { tag: string; body: Uint8Array | null } | null {
    const one = this.#waiting[this.#first + index]
    if (!one) return null
    try {
      const file = readFileSync(join(this.#folder, one.name))
      const body = file.subarray(CHECK_BYTES)
      return { tag: one.tag, body: crc32(body) === file.readUInt32BE(0) ? body : null }
    } catch {
      return { tag: one.tag, body: null }
    }
  }

  /** Forgets the oldest record. @returns its tag; null when there is none */
  shift(): string | null {
    const one = this.#waiting[this.#first]
    if (!one) return null
    this.#first++
    if (this.#first > 1000 && this.#first * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    rmSync(join(this.#folder, one.name), { force: true })
    this.bytes -= one.bytes
    return one.tag
  }
}
