import { GlassboxError } from '../../base/errors.ts'

/**
 * full = the disk took no more; io = reading or writing failed, and what the connection believes of the file may be
 * wrong; damaged = the file is not what it should be; busy = something else holds the file.
 */
export type Trouble = 'full' | 'io' | 'damaged' | 'busy'

/** What an error says of the storage; null when it is about what was to be stored. */
export function troubleOf(error: unknown): Trouble | null {
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') return null
  if (code === 'SQLITE_FULL' || code === 'ENOSPC') return 'full'
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return 'damaged'
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return 'busy'
  const io = ['SQLITE_IOERR', 'SQLITE_CANTOPEN', 'SQLITE_READONLY', 'SQLITE_PERM', 'SQLITE_NOMEM', 'SQLITE_PROTOCOL']
  return FILE_ERRORS.has(code) || io.some((prefix) => code.startsWith(prefix)) ? 'io' : null
}

const FILE_ERRORS = new Set([
  'EIO',
  'EACCES',
  'EPERM',
  'EROFS',
  'ENOENT',
  'ENOTDIR',
  'EEXIST',
  'ENAMETOOLONG',
  'EMFILE',
  'EFBIG',
])

const SENTENCES: Record<Trouble, [what: string, hint: string]> = {
  full: ['the disk is full', 'Free space on the disk of the data directory.'],
  io: ['the telemetry file cannot be read or written', 'Check the disk and the permissions of the data directory.'],
  damaged: ['the telemetry file is damaged', 'It is moved aside at the next start; look at its disk.'],
  busy: ['another program holds the telemetry file', 'Close what else opened auxiliary.db.'],
}

/** The error as the pipeline understands it: the batch is not to blame and is to be tried again. */
export function unavailable(trouble: Trouble, error: unknown): GlassboxError {
  const [what, hint] = SENTENCES[trouble]
  const code = String((error as { code?: unknown }).code ?? '')
  return new GlassboxError('storage_unavailable', `${what}: ${(error as Error).message} (${code})`, hint)
}
