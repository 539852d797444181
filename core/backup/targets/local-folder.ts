import { createReadStream, createWriteStream } from 'node:fs'
import { access, constants, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { GlassboxError } from '../../base/errors.ts'
import { openArchiveFile } from '../archive/archive-reader.ts'
import { parseArchiveName } from './archive-name.ts'
import { counting } from './counting.ts'
import type { BackupTarget, StoredFile, UploadOptions } from './target.ts'

/** Stands behind the name of a file that is not whole yet. */
export const PARTIAL = '.partial'
/** Of an archive that has no name yet (operations.ts, backup-shelf.ts). */
const OWN_PARTIAL = /^\.(backup|upload)-[\d-]+\.partial$/

/** Makes what was written to a file or folder last through a power cut. */
export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } catch (error) {
    // A folder cannot be synced on Windows.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error
  } finally {
    await handle.close()
  }
}

export function fileTrouble(error: unknown, what: string): GlassboxError {
  if (error instanceof GlassboxError) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT') return new GlassboxError('backup_no_space', `${what}: no space is left`)
  return new GlassboxError('backup_target', `${what}: ${message}`)
}

/**
 * Makes a folder and those above it. Node's `recursive` never comes back where the file system answers "no such file" for a
 * folder whose parent is there, as /proc does.
 */
export async function makeFolder(folder: string): Promise<void> {
  const make = (): Promise<unknown> =>
    mkdir(folder, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  try {
    await make()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(folder) === folder) throw error
    await makeFolder(dirname(folder))
    await make()
  }
}

/** A folder of this machine, or one that it has mounted. */
export function localFolder(folder: string): BackupTarget {
  const within = (name: string): string => {
    if (!parseArchiveName(name)) throw new GlassboxError('archive_not_found', `${name} is no name of an archive`)
    return join(folder, name)
  }
  return {
    async list() {
      let names: string[]
      try {
        names = await readdir(folder)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw fileTrouble(error, folder)
      }
      const files: StoredFile[] = []
      for (const name of names.filter(parseArchiveName)) {
        const found = await stat(join(folder, name)).catch(() => null)
        if (found?.isFile()) files.push({ name, bytes: found.size, modifiedAt: Math.round(found.mtimeMs * 1000) })
      }
      return files
    },
    async upload(path, name, { signal, progress }: UploadOptions) {
      const to = within(name)
      if (path === to) return
      const partial = to + PARTIAL
      try {
        await makeFolder(folder)
        const { size } = await stat(path)
        const free = await freeBytesOf(folder)
        if (free < size)
          throw new GlassboxError('backup_no_space', `${folder} has ${free} bytes free, the archive takes ${size}`)
        await pipeline(
          createReadStream(path),
          counting(progress),
          createWriteStream(partial, { mode: 0o600, flush: true }),
          {
            signal,
          },
        )
        await rename(partial, to)
        await syncPath(folder)
      } catch (error) {
        await rm(partial, { force: true })
        if (signal.aborted) throw signal.reason
        throw fileTrouble(error, folder)
      }
    },
    open: async (name) => openArchiveFile(within(name)),
    async remove(name) {
      await rm(within(name), { force: true }).catch((error: unknown) => {
        throw fileTrouble(error, folder)
      })
    },
    async cleanPartials(olderThanMs) {
      let removed = 0
      for (const name of await readdir(folder).catch(() => [] as string[])) {
        if (!name.endsWith(PARTIAL)) continue
        if (!OWN_PARTIAL.test(name) && !parseArchiveName(name.slice(0, -PARTIAL.length))) continue
        const found = await stat(join(folder, name)).catch(() => null)
        if (!found || Date.now() - found.mtimeMs < olderThanMs) continue
        await rm(join(folder, name), { force: true })
        removed++
      }
      return removed
    },
    async freeBytes() {
      await access(folder, constants.W_OK).catch((error: unknown) => {
        throw fileTrouble(error, folder)
      })
      return freeBytesOf(folder)
    },
    close: async () => undefined,
  }
}

export async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}
