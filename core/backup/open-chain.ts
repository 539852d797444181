import { GlassboxError } from '../base/errors.ts'
import type { ArchiveSecret } from './archive/archive-key.ts'
import { ArchiveReader } from './archive/archive-reader.ts'
import type { RandomFile } from './archive/container-reader.ts'

/** Opened archives of a chain, oldest first. */
export interface OpenChain {
  readers: ArchiveReader[]
  close(): Promise<void>
}

/**
 * Opens the archives of a chain and checks that each adds to the one before, by id and digest.
 * @param open oldest first
 * @throws GlassboxError `archive_base_missing` when the first one is no beginning, or one adds to another archive
 */
export async function openChain(
  open: readonly (() => Promise<RandomFile & { close(): Promise<void> }>)[],
  secret: ArchiveSecret | null,
): Promise<OpenChain> {
  const files: { close(): Promise<void> }[] = []
  const close = async (): Promise<void> => {
    for (const file of files) await file.close()
  }
  try {
    const readers: ArchiveReader[] = []
    for (const one of open) {
      const file = await one()
      files.push(file)
      readers.push(await ArchiveReader.open(file, secret))
    }
    readers.forEach(({ manifest }, number) => {
      const before = readers[number - 1]?.manifest ?? null
      const { base } = manifest
      if (!base && !before) return
      const fits = base !== null && before !== null && base.archive === before.archive && base.digest === before.digest
      if (fits) return
      const what = base ? `it adds to archive ${base.archive.slice(0, 12)}` : 'it adds to nothing'
      throw new GlassboxError('archive_base_missing', `archive ${manifest.archive.slice(0, 12)} does not fit: ${what}`)
    })
    return { readers, close }
  } catch (error) {
    await close()
    throw error
  }
}
