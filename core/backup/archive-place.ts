import type { ArchiveSecret } from './archive/archive-key.ts'
import { openArchiveFile } from './archive/archive-reader.ts'
import { type OpenChain, openChain } from './open-chain.ts'
import { openTarget } from './targets/open-target.ts'

/** Where an archive lies: a local file, or in a target by its name. */
export type ArchivePlace = { file: string } | { target: string; privateKey: string | null; name: string }

/** Opens a chain, oldest first; archives of one target share its connection. @throws see `openChain` */
export async function openPlaces(places: readonly ArchivePlace[], secret: ArchiveSecret | null): Promise<OpenChain> {
  const targets = new Map<string, ReturnType<typeof openTarget>>()
  const closeTargets = async (): Promise<void> => {
    for (const target of targets.values()) await (await target).close()
  }
  const opens = places.map((place) => async () => {
    if ('file' in place) return openArchiveFile(place.file)
    const target = targets.get(place.target) ?? openTarget(place.target, place.privateKey)
    targets.set(place.target, target)
    return (await target).open(place.name)
  })
  try {
    const chain = await openChain(opens, secret)
    return {
      readers: chain.readers,
      async close() {
        await chain.close()
        await closeTargets()
      },
    }
  } catch (error) {
    await closeTargets()
    throw error
  }
}
