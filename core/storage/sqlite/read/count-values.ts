import type { Facet } from '../../../model/answers.ts'
import type { SpanMeta } from './block-cache.ts'

/** From so many distinct values on, a key names things rather than kinds, and its further values are not kept. */
const MOST_VALUES = 2000

/** The attribute keys that most rows of the blocks have, at most `most`. */
export function frequentKeys(metas: readonly Pick<SpanMeta, 'keys'>[], most: number): Set<string> {
  const counts = new Map<string, number>()
  for (const meta of metas) for (const { key, count } of meta.keys) counts.set(key, (counts.get(key) ?? 0) + count)
  const sorted = [...counts].sort((a, b) => b[1] - a[1]).slice(0, most)
  return new Set(sorted.map(([key]) => key))
}

/** Counts the values of many keys. */
export class ValueCounter {
  #keys = new Map<string, { present: number; values: Map<string, number>; full: boolean }>()

  add(key: string, value: string, count: number): void {
    let entry = this.#keys.get(key)
    if (!entry) {
      entry = { present: 0, values: new Map(), full: false }
      this.#keys.set(key, entry)
    }
    const known = entry.values.get(value)
    if (known !== undefined) entry.values.set(value, known + count)
    else if (entry.values.size < MOST_VALUES) entry.values.set(value, count)
    else entry.full = true
  }

  /** Counts `count` more traces or records that have the key at all. */
  present(key: string, count: number): void {
    const entry = this.#keys.get(key)
    if (entry) entry.present += count
  }

  /** Facets with at most `most` values each, in the order of the keys' first values. */
  finish(most: number): Facet[] {
    return [...this.#keys].map(([key, { present, values }]) => ({
      key,
      present,
      distinct: values.size,
      values: [...values]
        .map(([value, count]) => ({ value, count }))
        .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
        .slice(0, most),
    }))
  }
}

/** Service or severity first, then keys that most have and few values share; ids and free texts last. */
export function orderFacets(facets: Facet[], total: number, first: readonly string[]): Facet[] {
  const rank = (facet: Facet): number => {
    const place = first.indexOf(facet.key)
    if (place !== -1) return place - first.length
    const telling = facet.distinct > 1 ? 1 : 0.3
    const names = facet.distinct > 40 && facet.distinct > facet.present / 4 ? 100 : 1
    return names / (telling * Math.max(1e-6, facet.present / Math.max(1, total)))
  }
  return facets.sort((a, b) => rank(a) - rank(b) || (a.key < b.key ? -1 : 1))
}
