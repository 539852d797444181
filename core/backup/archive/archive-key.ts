import { createHmac, hkdfSync, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { GlassboxError } from '../../base/errors.ts'

/** What opens an encrypted archive. */
export type ArchiveSecret = { password: string } | { keyFile: Uint8Array }

/** How the key of an archive is made; stands in its header. Bytes as hex. */
export interface KeyParameters {
  cipher: 'aes-256-gcm'
  from: 'password' | 'key-file'
  salt: string
  /** scrypt; of a password only. */
  n?: number
  r?: number
  p?: number
  /** HMAC-SHA-256 of `glassbox key check` under the key, its first 16 bytes: tells a wrong password from damage. */
  check: string
}

const KEY_BYTES = 32
/** 64 MiB of memory. */
const SCRYPT = { n: 65_536, r: 8, p: 2 }
/** What a reader grants a header that asks for more. */
const MOST_MEMORY = 256 * 1024 * 1024
const LEAST_KEY_FILE = 16

/** A fresh key for one archive: its salt is never used again. */
export async function newKey(secret: ArchiveSecret): Promise<{ key: Buffer; parameters: KeyParameters }> {
  const salt = randomBytes(16).toString('hex')
  const from = 'password' in secret ? 'password' : 'key-file'
  const parameters: KeyParameters = {
    cipher: 'aes-256-gcm',
    from,
    salt,
    ...(from === 'password' ? SCRYPT : {}),
    check: '',
  }
  const key = await deriveKey(secret, parameters)
  return { key, parameters: { ...parameters, check: keyCheck(key).toString('hex') } }
}

/**
 * The key of an archive that is there.
 * @throws GlassboxError `archive_password` when it is the wrong secret, `archive_damaged` when the header makes no sense
 */
export async function openKey(secret: ArchiveSecret | null, parameters: KeyParameters): Promise<Buffer> {
  const what = parameters.from === 'key-file' ? 'key file' : 'password'
  if (!secret) throw new GlassboxError('archive_password', `the archive is encrypted and no ${what} was given`)
  if (parameters.from === 'key-file' && 'password' in secret)
    throw new GlassboxError('archive_password', 'the archive was encrypted with a key file, not with a password')
  if (parameters.from === 'password' && 'keyFile' in secret)
    throw new GlassboxError('archive_password', 'the archive was encrypted with a password, not with a key file')
  const key = await deriveKey(secret, parameters)
  const check = Buffer.from(String(parameters.check), 'hex')
  const own = keyCheck(key)
  if (check.length !== own.length || !timingSafeEqual(check, own))
    throw new GlassboxError('archive_password', `the ${what} is not the one that the archive was encrypted with`)
  return key
}

const keyCheck = (key: Buffer): Buffer =>
  createHmac('sha256', key).update('glassbox key check').digest().subarray(0, 16)

async function deriveKey(secret: ArchiveSecret, { salt, n = 0, r = 0, p = 0 }: KeyParameters): Promise<Buffer> {
  const saltBytes = Buffer.from(String(salt), 'hex')
  if (saltBytes.length !== 16) throw new GlassboxError('archive_damaged', 'the header of the archive has no salt')
  if ('keyFile' in secret) {
    if (secret.keyFile.length < LEAST_KEY_FILE)
      throw new GlassboxError('archive_password', `a key file holds at least ${LEAST_KEY_FILE} bytes`)
    return Buffer.from(hkdfSync('sha256', secret.keyFile, saltBytes, 'glassbox archive', KEY_BYTES))
  }
  const whole = [n, r, p].every((one) => Number.isInteger(one) && one > 0)
  if (!whole || n < 2 || (n & (n - 1)) !== 0 || 128 * n * r > MOST_MEMORY || p > 16)
    throw new GlassboxError('archive_damaged', 'the header of the archive asks for a key that takes too much memory')
  return new Promise((resolve, reject) => {
    // The same password typed on another system may come in another Unicode form.
    const password = secret.password.normalize('NFKC')
    scrypt(password, saltBytes, KEY_BYTES, { N: n, r, p, maxmem: MOST_MEMORY * 2 }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
}
