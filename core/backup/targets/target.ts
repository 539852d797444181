import type { RandomFile } from '../archive/container-reader.ts'

/** An archive as a target lists it. Names from a target are checked before anything is done with them. */
export interface StoredFile {
  name: string
  bytes: number
  /** µs */
  modifiedAt: number
}

export interface OpenFile extends RandomFile {
  close(): Promise<void>
}

export interface UploadOptions {
  signal: AbortSignal
  /** Bytes that are there. */
  progress(bytes: number): void
}

/**
 * A place that keeps archives. A file has its final name only when it is whole; what is left of one that was cut off is
 * continued or removed by `cleanPartials`. Errors are GlassboxError `backup_target`, `backup_no_space`,
 * `archive_not_found`.
 */
export interface BackupTarget {
  /** Only files whose names are those of archives. */
  list(): Promise<StoredFile[]>
  /** Puts the file at `path` there as `name`. */
  upload(path: string, name: string, options: UploadOptions): Promise<void>
  /** Reads at any place without fetching the whole. */
  open(name: string): Promise<OpenFile>
  remove(name: string): Promise<void>
  /** Removes what was left half uploaded more than `olderThanMs` ago; answers how many. */
  cleanPartials(olderThanMs: number): Promise<number>
  /** Bytes free for more, null where nobody can tell. */
  freeBytes(): Promise<number | null>
  close(): Promise<void>
}
