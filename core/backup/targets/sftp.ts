import { createHash } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { posix } from 'node:path'
import type { Client, SFTPWrapper } from 'ssh2'
import { GlassboxError } from '../../base/errors.ts'
import { parseArchiveName } from './archive-name.ts'
import { PARTIAL } from './local-folder.ts'
import type { BackupTarget, UploadOptions } from './target.ts'

/** Where an SSH server keeps archives. */
export interface SftpAddress {
  host: string
  port: number
  user: string
  password: string | null
  /** PEM. */
  privateKey: string | null
  folder: string
  /** `SHA256:…`, as ssh-keygen -l prints it. Without it nothing is sent, and the error names the one that was met. */
  hostKey: string | null
}

const READY_MS = 15_000

interface Session {
  client: Client
  sftp: SFTPWrapper
}

/** A folder of an SSH server. Connects when first asked, and again after the connection was lost. */
export function sftpTarget(address: SftpAddress): BackupTarget {
  const { folder } = address
  let session: Promise<Session> | null = null
  const within = (name: string): string => {
    if (!parseArchiveName(name)) throw new GlassboxError('archive_not_found', `${name} is no name of an archive`)
    return posix.join(folder, name)
  }
  const connected = (): Promise<Session> => {
    session ??= connect(address).then((made) => {
      made.client.once('close', () => {
        session = null
      })
      return made
    })
    session.catch(() => {
      session = null
    })
    return session
  }
  const attempt = async <T>(
    work: (sftp: SFTPWrapper) => Promise<T>,
    name = '',
    signal: AbortSignal | null = null,
  ): Promise<T> => {
    const { client, sftp } = await connected()
    let lost = (): void => undefined
    const cut = new Promise<never>((_, reject) => {
      lost = () => reject(new Error('the connection was lost'))
    })
    cut.catch(() => undefined)
    client.once('close', lost)
    // Whoever stops it does not wait for a server that has fallen silent.
    const stop = (): void => void client.destroy()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await Promise.race([work(sftp), cut])
    } catch (error) {
      throw signal?.aborted ? signal.reason : sftpTrouble(error, address, name)
    } finally {
      signal?.removeEventListener('abort', stop)
      client.removeListener('close', lost)
    }
  }
  return {
    list: () =>
      attempt(async (sftp) => {
        const found = await call<{ filename: string; attrs: { size: number; mtime: number } }[]>((done) =>
          sftp.readdir(folder, done as never),
        ).catch((error: { code?: number }) => {
          if (error.code === NO_SUCH_FILE) return []
          throw error
        })
        return found
          .filter(({ filename }) => parseArchiveName(filename))
          .map(({ filename, attrs }) => ({ name: filename, bytes: attrs.size, modifiedAt: attrs.mtime * 1e6 }))
      }),
    upload: (path, name, { signal, progress }) =>
      attempt(
        async (sftp) => {
          const to = within(name)
          const partial = to + PARTIAL
          await makeFolder(sftp, folder)
          const { size } = await stat(path)
          const there = await sizeOf(sftp, partial)
          // What an upload that was cut off left is continued: it is the beginning of this very archive, by its name. The
          // last stretch is sent again, as its pieces may have arrived out of order.
          const from = there !== null && there <= size ? Math.max(0, there - PIECES_AT_ONCE * PIECE_BYTES) : 0
          await writeFrom(sftp, { partial, path, from, fresh: there === null, size }, { signal, progress })
          if ((await sizeOf(sftp, partial)) !== size)
            throw new GlassboxError('backup_target', `${address.host} kept only a part of ${name}`)
          await call((done) => sftp.rename(partial, to, done))
        },
        name,
        signal,
      ),
    open: (name) =>
      attempt(async (sftp) => {
        const path = within(name)
        const size = await sizeOf(sftp, path)
        if (size === null) throw new GlassboxError('archive_not_found', `${name} is not on ${address.host}`)
        const handle = await call<Buffer>((done) => sftp.open(path, 'r', done as never))
        return {
          size,
          read: (offset, length) =>
            attempt((now) => readAt(now, handle, offset, Math.min(length, size - offset)), name),
          close: () => call((done) => sftp.close(handle, done)).then(() => undefined),
        }
      }, name),
    remove: (name) =>
      attempt(async (sftp) => {
        await call((done) => sftp.unlink(within(name), done)).catch((error: { code?: number }) => {
          if (error.code !== NO_SUCH_FILE) throw error
        })
      }, name),
    cleanPartials: (olderThanMs) =>
      attempt(async (sftp) => {
        const found = await call<{ filename: string; attrs: { mtime: number } }[]>((done) =>
          sftp.readdir(folder, done as never),
        ).catch(() => [])
        let removed = 0
        for (const { filename, attrs } of found) {
          const whole = filename.slice(0, -PARTIAL.length)
          if (!filename.endsWith(PARTIAL) || !parseArchiveName(whole)) continue
          if (Date.now() - attrs.mtime * 1000 < olderThanMs) continue
          await call((done) => sftp.unlink(posix.join(folder, filename), done))
          removed++
        }
        return removed
      }),
    freeBytes: async () => null,
    async close() {
      const made = await session?.catch(() => null)
      made?.client.end()
      session = null
    },
  }
}

const NO_SUCH_FILE = 2

async function connect(address: SftpAddress): Promise<Session> {
  const { Client: SshClient } = (await import('ssh2')).default
  const client = new SshClient()
  let met = ''
  try {
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      client.once('error', reject)
      client.once('ready', () => client.sftp((error, made) => (error ? reject(error) : resolve(made))))
      client.once('close', () => reject(new Error('the server closed the connection')))
      client.connect({
        host: address.host,
        port: address.port,
        username: address.user,
        ...(address.privateKey ? { privateKey: address.privateKey } : { password: address.password ?? '' }),
        readyTimeout: READY_MS,
        keepaliveInterval: 10_000,
        hostVerifier: (key: Buffer) => {
          met = `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
          return address.hostKey === met
        },
      })
    })
    // An error after this point ends the connection, which `attempt` notices.
    client.on('error', () => undefined)
    return { client, sftp }
  } catch (error) {
    client.on('error', () => undefined)
    client.end()
    if (met !== '' && met !== address.hostKey) {
      throw new GlassboxError(
        'backup_target',
        address.hostKey
          ? `${address.host} showed the host key ${met} instead of ${address.hostKey}: it may be another machine`
          : `the host key of ${address.host} is not known yet: ${met}`,
        `If it is the right machine, put hostKey=${encodeURIComponent(met)} into the address of the target.`,
      )
    }
    throw sftpTrouble(error, address, '')
  }
}

type Done<T> = (error: Error | null | undefined, value?: T) => void

function call<T = void>(work: (done: Done<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => work((error, value) => (error ? reject(error) : resolve(value as T))))
}

async function sizeOf(sftp: SFTPWrapper, path: string): Promise<number | null> {
  try {
    return (await call<{ size: number }>((done) => sftp.stat(path, done as never))).size
  } catch (error) {
    if ((error as { code?: number }).code === NO_SUCH_FILE) return null
    throw error
  }
}

async function makeFolder(sftp: SFTPWrapper, folder: string): Promise<void> {
  let path = folder.startsWith('/') ? '/' : ''
  for (const name of folder.split('/').filter((part) => part !== '')) {
    path = posix.join(path, name)
    if ((await sizeOf(sftp, path)) === null) await call((done) => sftp.mkdir(path, { mode: 0o700 }, done))
  }
}

/** Servers take and answer at most 32 KiB at once, or so; many pieces are under way together. */
const PIECE_BYTES = 32_768
const PIECES_AT_ONCE = 16

async function writeFrom(
  sftp: SFTPWrapper,
  { partial, path, from, fresh, size }: { partial: string; path: string; from: number; fresh: boolean; size: number },
  { signal, progress }: UploadOptions,
): Promise<void> {
  const out = await call<Buffer>((done) => sftp.open(partial, fresh ? 'w' : 'r+', { mode: 0o600 }, done as never))
  const file = await open(path, 'r')
  try {
    const bytes = Buffer.alloc(PIECES_AT_ONCE * PIECE_BYTES)
    for (let at = from; at < size; ) {
      signal.throwIfAborted()
      const { bytesRead } = await file.read(bytes, 0, bytes.length, at)
      if (bytesRead === 0) throw new Error('the file became shorter while it was sent')
      const pieces = Array.from({ length: Math.ceil(bytesRead / PIECE_BYTES) }, (_, i) => i * PIECE_BYTES)
      await Promise.all(
        pieces.map((start) =>
          call((done) => sftp.write(out, bytes, start, Math.min(PIECE_BYTES, bytesRead - start), at + start, done)),
        ),
      )
      at += bytesRead
      progress(at)
    }
  } finally {
    await file.close()
    // A connection that is lost has no handles any more.
    await call((done) => sftp.close(out, done)).catch(() => undefined)
  }
}

async function readAt(sftp: SFTPWrapper, handle: Buffer, offset: number, length: number): Promise<Uint8Array> {
  const bytes = Buffer.alloc(Math.max(0, length))
  const piece = async (from: number): Promise<void> => {
    const end = Math.min(from + PIECE_BYTES, bytes.length)
    for (let at = from; at < end; ) {
      const read = await new Promise<number>((resolve, reject) =>
        sftp.read(handle, bytes, at, end - at, offset + at, (error, count) => (error ? reject(error) : resolve(count))),
      )
      if (read === 0) throw new Error('the file is shorter than it was')
      at += read
    }
  }
  for (let at = 0; at < bytes.length; at += PIECE_BYTES * PIECES_AT_ONCE) {
    const starts = Array.from({ length: PIECES_AT_ONCE }, (_, i) => at + i * PIECE_BYTES).filter(
      (from) => from < bytes.length,
    )
    await Promise.all(starts.map(piece))
  }
  return bytes
}

function sftpTrouble(error: unknown, { host, port }: SftpAddress, name: string): unknown {
  if (
    error instanceof GlassboxError ||
    (error as Error)?.name === 'JobStopped' ||
    (error as Error)?.name === 'AbortError'
  )
    return error
  const { code, message, level } = error as Error & { code?: number | string; level?: string }
  if (code === NO_SUCH_FILE) return new GlassboxError('archive_not_found', `${name || 'the file'} is not on ${host}`)
  const what = level === 'client-authentication' ? 'refused the login' : `answered: ${message}`
  return new GlassboxError('backup_target', `${host}:${port} ${what}`)
}
