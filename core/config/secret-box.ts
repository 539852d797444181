import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GlassboxError } from '../base/errors.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Settings that hold a password; they lie encrypted in glassbox.db and are shown without it. */
export const SECRET_SETTINGS: ReadonlySet<string> = new Set(['storage.postgresUrl'])

/** What stands for the password where an address is shown. */
const HIDDEN = '***'

/** An address without its password. */
export function hidePassword(url: string): string {
  return url.replace(/^(\w+:\/\/[^/?#]*?:)[^/?#]*@/, `$1${HIDDEN}@`)
}

/** `changed`, with the password of `current` where it came back as it was shown. */
export function keepPassword(changed: string, current: string): string {
  return changed !== current && changed === hidePassword(current) ? current : changed
}

/** Encrypts secrets with a key of this data directory (AES-256-GCM); the key's file is its owner's alone. */
export class SecretBox {
  readonly #file: string
  #key: Buffer | null = null

  constructor(dataDir: string) {
    this.#file = join(dataDir, 'secret.key')
  }

  seal(text: string): { sealed: string } {
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#keyOrNew(), nonce)
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    return { sealed: Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64') }
  }

  /** The text of a sealed value; any other value as it is. @throws GlassboxError `data_damaged` without the right key */
  open(value: unknown): unknown {
    if (value === null || typeof value !== 'object' || !('sealed' in value)) return value
    try {
      const bytes = Buffer.from(String(value.sealed), 'base64')
      const decipher = createDecipheriv('aes-256-gcm', readFileSync(this.#file), bytes.subarray(0, NONCE_BYTES))
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      const body = bytes.subarray(NONCE_BYTES + TAG_BYTES)
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    } catch (error) {
      throw new GlassboxError(
        'data_damaged',
        `a saved secret cannot be opened with ${this.#file}: ${(error as Error).message}`,
        'Put the key file back, or give the value by its flag or environment variable and save it anew.',
      )
    }
  }

  #keyOrNew(): Buffer {
    if (this.#key) return this.#key
    if (!existsSync(this.#file)) writeFileSync(this.#file, randomBytes(KEY_BYTES), { mode: 0o600, flag: 'wx' })
    chmodSync(this.#file, 0o600)
    this.#key = readFileSync(this.#file)
    return this.#key
  }
}
