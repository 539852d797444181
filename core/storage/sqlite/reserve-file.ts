import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Space set aside: a full disk cannot be cleaned by deleting rows, as even DELETE needs room in the WAL. */
export class ReserveFile {
  #path: string
  #bytes: number

  constructor(dataDir: string, bytes: number) {
    this.#path = join(dataDir, 'reserve')
    this.#bytes = bytes
  }

  /** Makes the file at its full size. False when the disk has no room for it. */
  make(): boolean {
    if (existsSync(this.#path) && statSync(this.#path).size >= this.#bytes) return true
    try {
      writeFileSync(this.#path, Buffer.alloc(this.#bytes), { mode: 0o600 })
      return true
    } catch {
      // No room: a partial reserve would only hide how full the disk is.
      rmSync(this.#path, { force: true })
      return false
    }
  }

  /** Gives the space back. True when there was something to give. */
  release(): boolean {
    const held = existsSync(this.#path)
    rmSync(this.#path, { force: true })
    return held
  }
}
