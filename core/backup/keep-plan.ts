import { type ArchiveName, parseArchiveName } from './targets/archive-name.ts'
import type { StoredFile } from './targets/target.ts'

/** An archive as it lies in a target, with what its name says. */
export interface ListedArchive extends StoredFile, ArchiveName {}

/** Whether an archive, with those that it adds to, holds all that was stored: an incremental one can add to it. */
export const holdsAll = ({ kind }: Pick<ListedArchive, 'kind'>): boolean => kind === 'full' || kind === 'incremental'

/** How many of each kind are kept. */
export interface KeepCounts {
  full: number
  incremental: number
  config: number
}

/** Files whose names are those of archives, newest first. The clock's order is not the chain's: see `chainOf`. */
export function listArchives(files: readonly StoredFile[]): ListedArchive[] {
  return files
    .flatMap((file) => {
      const name = parseArchiveName(file.name)
      return name ? [{ ...file, ...name }] : []
    })
    .sort((a, b) => b.createdAt - a.createdAt || (a.name < b.name ? 1 : -1))
}

/**
 * What is needed to restore an archive, oldest first, itself last. `missing` names the base that is not there (by the
 * first digits of its id), or null when the chain is whole.
 */
export function chainOf(
  archive: ListedArchive,
  all: readonly ListedArchive[],
): { chain: ListedArchive[]; missing: string | null } {
  const byId = new Map(all.map((one) => [one.id, one]))
  const chain = [archive]
  for (let base = archive.base; base !== null; ) {
    const found = byId.get(base)
    // A chain that bites its tail has no base either.
    if (!found || chain.includes(found)) return { chain, missing: base }
    chain.unshift(found)
    base = found.base
  }
  return { chain, missing: null }
}

/**
 * Names to remove so that at most `keep` of each kind stay. Never removed: what a kept archive needs, the newest that was
 * verified of each kind, and the newest of each kind. Parts were asked for by somebody and stay.
 * @param verified names that were proven to restore
 */
export function removable(all: readonly ListedArchive[], keep: KeepCounts, verified: ReadonlySet<string>): string[] {
  const kept = new Set<ListedArchive>()
  for (const kind of ['full', 'incremental', 'config'] as const) {
    const ofKind = all.filter((one) => one.kind === kind)
    const proven = ofKind.find(({ name }) => verified.has(name))
    for (const one of [...ofKind.slice(0, Math.max(1, keep[kind])), ...(proven ? [proven] : [])]) kept.add(one)
  }
  for (const one of [...kept]) for (const needed of chainOf(one, all).chain) kept.add(needed)
  return all.filter((one) => one.kind !== 'part' && !kept.has(one)).map(({ name }) => name)
}
