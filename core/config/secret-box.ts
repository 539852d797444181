import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GlassboxError } from '../base/errors.ts'
import type { Keyring } from './keyring.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Settings that hold a password; they lie encrypted in glassbox.db and are shown without it. */
export const SECRET_SETTINGS: ReadonlySet<string> = new Set([
  'storage.postgresUrl',
  'storage.postgresReadUrl',
  'backup.targets',
  'backup.password',
  'backup.keyFile',
])

/** Names of settings, and of fields in them, that are secret as a whole. */
const WHOLE_SECRETS: ReadonlySet<string> = new Set(['backup.password', 'backup.keyFile', 'privateKey'])

/** What stands for the password where an address is shown. */
const HIDDEN = '***'

/** An address without its password. */
export function hidePassword(url: string): string {
  return url.replace(/^(\w+:\/\/[^/?#]*?:)[^/?#]*@/, `$1${HIDDEN}@`)
}

/** `changed`, with the password of `current` where it came back as it was shown, written the same way or not. */
export function keepPassword(changed: string, current: string): string {
  if (changed === current || !changed.includes(`:${HIDDEN}@`)) return changed
  if (changed === hidePassword(current)) return current
  if (!URL.canParse(changed) || !URL.canParse(current)) return changed
  const [asked, saved] = [new URL(changed), new URL(current)]
  const place = ({ hostname, port, username, pathname }: URL): string =>
    [hostname, port || '5432', username, pathname].join('\n')
  if (place(asked) !== place(saved)) return changed
  asked.password = saved.password
  return asked.href
}

/** A secret setting as it may be shown: addresses without their password, other secrets as `***`. */
export function hideSecrets(value: unknown, name = ''): unknown {
  if (typeof value === 'string') {
    if (!WHOLE_SECRETS.has(name)) return hidePassword(value)
    return value === '' ? '' : HIDDEN
  }
  if (Array.isArray(value)) return value.map((one) => hideSecrets(one, name))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, hideSecrets(one, key)]))
}

/** `changed`, with the secrets of `current` where they came back as they were shown; list entries are matched by `name`. */
export function keepSecrets(changed: unknown, current: unknown, name = ''): unknown {
  if (typeof changed === 'string' && typeof current === 'string')
    return changed === hideSecrets(current, name) ? current : changed
  if (Array.isArray(changed) && Array.isArray(current)) {
    return changed.map((one: { name?: unknown } | null) =>
      keepSecrets(
        one,
        current.find((other: { name?: unknown } | null) => other?.name === one?.name),
      ),
    )
  }
  if (changed === null || typeof changed !== 'object' || current === null || typeof current !== 'object') return changed
  return Object.fromEntries(
    Object.entries(changed).map(([key, one]) => [
      key,
      keepSecrets(one, (current as Record<string, unknown>)[key], key),
    ]),
  )
}

/** Whether a password is still hidden in it, as `hideSecrets` does. */
export function hasHidden(value: unknown): boolean {
  if (typeof value === 'string') return value === HIDDEN || value.includes(`:${HIDDEN}@`)
  return value !== null && typeof value === 'object' && Object.values(value).some(hasHidden)
}

/** Stands before a wrapped key in its file; a file without it is the bare key. */
const WRAPPED = Buffer.from('glassbox keyring 1\n')

/**
 * Encrypts secrets with a key of this data directory (AES-256-GCM). The key's file is its owner's alone, and with a
 * keyring its content is of no use without that.
 */
export class SecretBox {
  readonly #file: string
  readonly #keyring: Keyring | undefined
  #key: Buffer | null = null

  constructor(dataDir: string, keyring?: Keyring) {
    this.#file = join(dataDir, 'secret.key')
    this.#keyring = keyring
  }

  /** @param value text, or what JSON can say */
  seal(value: unknown): { sealed: string; json?: true } {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const nonce = randomBytes(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#keyOrNew(), nonce)
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    const sealed = Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
    return typeof value === 'string' ? { sealed } : { sealed, json: true }
  }

  /**
   * What was sealed; any other value as it is.
   * @throws GlassboxError `secrets_locked` while the keyring does not open the key, `data_damaged` without the right key
   */
  open(value: unknown): unknown {
    if (value === null || typeof value !== 'object' || !('sealed' in value)) return value
    try {
      const bytes = Buffer.from(String(value.sealed), 'base64')
      const decipher = createDecipheriv('aes-256-gcm', this.#savedKey(), bytes.subarray(0, NONCE_BYTES))
      decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
      const body = bytes.subarray(NONCE_BYTES + TAG_BYTES)
      const text = Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
      return 'json' in value ? (JSON.parse(text) as unknown) : text
    } catch (error) {
      if (error instanceof GlassboxError) throw error
      throw new GlassboxError(
        'data_damaged',
        `a saved secret cannot be opened with ${this.#file}: ${(error as Error).message}`,
        'Put the key file back, or give the value by its flag or environment variable and save it anew.',
      )
    }
  }

  #keyOrNew(): Buffer {
    if (!existsSync(this.#file)) this.#save(randomBytes(KEY_BYTES))
    chmodSync(this.#file, 0o600)
    return this.#savedKey()
  }

  /** The key in its file; a bare one is wrapped as soon as there is a keyring. */
  #savedKey(): Buffer {
    if (this.#key) return this.#key
    const content = readFileSync(this.#file)
    const wrapped = content.subarray(0, WRAPPED.length).equals(WRAPPED)
    this.#key = wrapped ? this.#unwrap(content.subarray(WRAPPED.length)) : content
    if (!wrapped && this.#keyring) this.#save(content)
    return this.#key
  }

  #unwrap(wrapped: Buffer): Buffer {
    if (!this.#keyring) {
      const detail = `the key in ${this.#file} is kept by the keychain of the desktop app`
      throw new GlassboxError('secrets_locked', detail)
    }
    try {
      return Buffer.from(this.#keyring.unwrap(wrapped))
    } catch (error) {
      const detail = `the keychain does not open the key in ${this.#file}: ${(error as Error).message}`
      throw new GlassboxError('secrets_locked', detail)
    }
  }

  #save(key: Buffer): void {
    const content = this.#keyring ? Buffer.concat([WRAPPED, this.#keyring.wrap(key)]) : key
    const temporary = `${this.#file}.new`
    writeFileSync(temporary, content, { mode: 0o600 })
    renameSync(temporary, this.#file)
  }
}
