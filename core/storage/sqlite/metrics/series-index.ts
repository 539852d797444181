import type { Labels, Matcher } from '../../../model/series.ts'
import { labelOfKey, labelsOfKey } from '../../../model/series-key.ts'
import type { MetricStats } from '../../metric-store.ts'
import { compileMatcher } from './label-matcher.ts'

/** The inverted index over label sets: by label name, by value, the ids in ascending order. */
export class SeriesIndex {
  #postings = new Map<string, Map<string, number[]>>()
  /** Label sets as the one text that a series has anyway: as lists they would take five times as much. */
  #keys = new Map<number, string>()

  get size(): number {
    return this.#keys.size
  }

  add(id: number, key: string): void {
    this.#keys.set(id, key)
    for (const [name, value] of labelsOfKey(key)) {
      let values = this.#postings.get(name)
      if (!values) {
        values = new Map()
        this.#postings.set(name, values)
      }
      const ids = values.get(value)
      if (ids) ids.push(id)
      else values.set(value, [id])
    }
  }

  /** Takes series out; one pass over the lists that hold them. */
  remove(gone: ReadonlySet<number>): void {
    const touched = new Map<string, Set<string>>()
    for (const id of gone) {
      for (const [name, value] of this.labels(id)) {
        const values = touched.get(name)
        if (values) values.add(value)
        else touched.set(name, new Set([value]))
      }
      this.#keys.delete(id)
    }
    for (const [name, values] of touched) {
      const lists = this.#postings.get(name)
      if (!lists) continue
      for (const value of values) {
        const left = (lists.get(value) ?? []).filter((id) => !gone.has(id))
        if (left.length > 0) lists.set(value, left)
        else lists.delete(value)
      }
      if (lists.size === 0) this.#postings.delete(name)
    }
  }

  labels(id: number): Labels {
    return labelsOfKey(this.key(id))
  }

  /** The empty text for a number that no series has. */
  key(id: number): string {
    return this.#keys.get(id) ?? ''
  }

  countOf(name: string, value: string): number {
    return this.#postings.get(name)?.get(value)?.length ?? 0
  }

  /** Ids of the series that all matchers take, ascending. @throws GlassboxError `bad_request` for a bad expression */
  find(matchers: readonly Matcher[]): number[] {
    const compiled = matchers.map(compileMatcher)
    let found: number[] | null = null
    const later: typeof compiled = []
    for (const matcher of compiled) {
      if (matcher.matchesEmpty) {
        later.push(matcher)
        continue
      }
      const values = this.#postings.get(matcher.name)
      const lists: number[][] = []
      if (matcher.one !== null) lists.push(values?.get(matcher.one) ?? [])
      else if (values) for (const [value, ids] of values) if (matcher.test(value)) lists.push(ids)
      const ids = lists.length === 1 ? lists[0] : lists.flat().sort((a, b) => a - b)
      found = found === null ? ids : intersect(found, ids)
      if (found.length === 0) return []
    }
    const ids = found ?? [...this.#keys.keys()]
    if (later.length === 0) return found ? [...ids] : ids
    return ids.filter((id) => {
      const key = this.key(id)
      return later.every((matcher) => matcher.test(labelOfKey(key, matcher.name)))
    })
  }

  names(): string[] {
    return [...this.#postings.keys()]
  }

  values(name: string): string[] {
    return [...(this.#postings.get(name)?.keys() ?? [])]
  }

  /** Labels by how many values they have, and values by how many series have them, the most first. */
  cardinality(limit: number): Required<Pick<MetricStats, 'topLabels' | 'topPairs' | 'labelPairs'>> {
    const topLabels: { name: string; values: number }[] = []
    let labelPairs = 0
    let topPairs: { name: string; value: string; series: number }[] = []
    for (const [name, values] of this.#postings) {
      labelPairs += values.size
      topLabels.push({ name, values: values.size })
      if (name === '__name__') continue
      const own = [...values].map(([value, ids]) => ({ name, value, series: ids.length }))
      topPairs = topPairs
        .concat(own)
        .sort((a, b) => b.series - a.series)
        .slice(0, limit)
    }
    return { topLabels: topLabels.sort((a, b) => b.values - a.values).slice(0, limit), topPairs, labelPairs }
  }

  /** Series by metric, the most first. */
  countsByMetric(limit: number): { metric: string; series: number }[] {
    return [...(this.#postings.get('__name__') ?? [])]
      .map(([metric, ids]) => ({ metric, series: ids.length }))
      .sort((a, b) => b.series - a.series)
      .slice(0, limit)
  }
}

function intersect(a: readonly number[], b: readonly number[]): number[] {
  const out: number[] = []
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    if (a[i] === b[j]) {
      out.push(a[i])
      i++
      j++
    } else if (a[i] < b[j]) i++
    else j++
  }
  return out
}
