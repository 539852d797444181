import { closeSync, existsSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'

const CHUNK = 1 << 20

/** Bytes that this user can still write on the disk of `folder`. */
export function freeBytesOf(folder: string): number {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return 0
  }
}

/** Space set aside: a full disk cannot be cleaned by deleting rows, as even DELETE needs room in the WAL. */
export class ReserveFile {
  #folder: string
  #path: string
  #bytes: number

  constructor(dataDir: string, bytes: number) {
    this.#folder = dataDir
    this.#path = join(dataDir, 'reserve')
    this.#bytes = bytes
  }

  /** Makes the file at its full size. False when the disk has no room for it and as much again. */
  make(): boolean {
    if (existsSync(this.#path) && statSync(this.#path).size >= this.#bytes) return true
    if (freeBytesOf(this.#folder) < this.#bytes * 2) return false
    try {
      this.#fill()
      return true
    } catch {
      // No room: a partial reserve would only hide how full the disk is.
      rmSync(this.#path, { force: true })
      return false
    }
  }

  /** In pieces, so that a large reserve needs no memory of its size. */
  #fill(): void {
    const file = openSync(this.#path, 'w', 0o600)
    try {
      const zeros = new Uint8Array(Math.min(CHUNK, this.#bytes))
      for (let left = this.#bytes; left > 0; left -= zeros.length)
        writeSync(file, zeros, 0, Math.min(left, zeros.length))
    } finally {
      closeSync(file)
    }
  }

  /** Gives the space back. True when there was something to give. */
  release(): boolean {
    const held = existsSync(this.#path)
    rmSync(this.#path, { force: true })
    return held
  }
}
