import type { ServiceInfo, TagValue } from '../../../model/answers.ts'
import type { KeyValue } from '../../../model/records.ts'
import { plainText } from '../../../query/any-value.ts'
import { cellText } from '../blocks/attribute-value.ts'
import type { BlockCache, ServiceCount } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'

/** Newest blocks looked at for values: completion wants what is common now, not a full count. */
const MAX_BLOCKS = 24

function byCount(counts: Map<string, number>, limit: number): TagValue[] {
  return [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1))
    .slice(0, limit)
}

function add(counts: Map<string, number>, value: string, count: number): void {
  counts.set(value, (counts.get(value) ?? 0) + count)
}

/** Attribute keys by how often they occur. */
export function tagKeys(cache: BlockCache, signal: 'traces' | 'logs'): TagValue[] {
  const counts = new Map<string, number>()
  for (const meta of signal === 'traces' ? cache.spanMetas() : cache.logMetas()) {
    for (const { key, count } of meta.keys) add(counts, key, count)
  }
  return byCount(counts, 1000)
}

/** Values of one key that begin with `prefix`, counted in the newest blocks. */
export function tagValues(
  cache: BlockCache,
  guard: QueryGuard,
  { signal, key, prefix, limit }: { signal: 'traces' | 'logs'; key: string; prefix: string; limit: number },
): TagValue[] {
  const counts = new Map<string, number>()
  const metas = (signal === 'traces' ? cache.spanMetas() : cache.logMetas())
    .toSorted((a, b) => b.lastSeq - a.lastSeq)
    .slice(0, MAX_BLOCKS)
  for (const meta of metas) {
    guard.check()
    const block = 'traces' in meta ? cache.spanBlock(meta as never) : cache.logBlock(meta as never)
    if (key === 'service') for (const index of block.service) add(counts, block.services[index], 1)
    const column = block.attribute(key)
    if (column) for (let cell = 0; cell < column.rows.length; cell++) add(counts, cellText(column, cell), 1)
    addResourceValues(counts, block, key, column?.rows ?? new Uint32Array(0))
  }
  for (const value of counts.keys()) if (!value.startsWith(prefix)) counts.delete(value)
  return byCount(counts, limit)
}

/** Counts the value that resources have for `key`, on the rows that have none of their own. */
function addResourceValues(
  counts: Map<string, number>,
  block: { rows: number; resource: ArrayLike<number>; resources(): { attributes: string }[] },
  key: string,
  ownRows: Uint32Array,
): void {
  const quoted = JSON.stringify(key)
  const texts = block.resources().map(({ attributes }) => {
    if (!attributes.includes(quoted)) return null
    const found = (JSON.parse(attributes) as KeyValue[]).find((attribute) => attribute.key === key)
    return found ? plainText(found.value) : null
  })
  if (texts.every((text) => text === null)) return
  const rows = new Uint32Array(texts.length)
  for (let row = 0; row < block.rows; row++) rows[block.resource[row]]++
  for (const row of ownRows) rows[block.resource[row]]--
  texts.forEach((text, at) => {
    if (text !== null && rows[at] > 0) add(counts, text, rows[at])
  })
}

/** Span names, of one service or of all, counted in the newest blocks. */
export function operations(cache: BlockCache, guard: QueryGuard, service: string | null): TagValue[] {
  const counts = new Map<string, number>()
  for (const meta of cache
    .spanMetas()
    .toSorted((a, b) => b.lastSeq - a.lastSeq)
    .slice(0, MAX_BLOCKS)) {
    guard.check()
    if (service !== null && !meta.services.includes(service)) continue
    const block = cache.spanBlock(meta)
    const wanted = service === null ? -1 : block.services.indexOf(service)
    for (let row = 0; row < block.rows; row++) {
      if (wanted === -1 || block.service[row] === wanted) add(counts, block.names[block.name[row]], 1)
    }
  }
  return byCount(counts, 1000)
}

/** Every service with its counts in the blocks that touch the range. */
export function services(cache: BlockCache, guard: QueryGuard, range: { start: number; end: number }): ServiceInfo[] {
  const infos = new Map<string, ServiceInfo>()
  const info = (service: string): ServiceInfo => {
    const known = infos.get(service) ?? {
      service,
      spans: 0,
      errors: 0,
      logs: 0,
      firstSeen: Number.POSITIVE_INFINITY,
      lastSeen: 0,
    }
    infos.set(service, known)
    return known
  }
  const seen = (one: ServiceInfo, { first, last }: ServiceCount): void => {
    one.firstSeen = Math.min(one.firstSeen, first)
    one.lastSeen = Math.max(one.lastSeen, last)
  }
  for (const meta of cache.spanMetas()) {
    if (meta.maxStart < range.start || meta.minStart >= range.end) continue
    guard.check()
    let counted = cache.spanServices.get(meta.id)
    if (!counted) {
      const block = cache.spanBlock(meta)
      counted = countServices(block.services, block.service, block.startUs, (row) => block.status[row] === 2)
      cache.spanServices.set(meta.id, counted)
    }
    for (const part of counted) {
      const one = info(part.service)
      one.spans += part.rows
      one.errors += part.errors
      seen(one, part)
    }
  }
  for (const meta of cache.logMetas()) {
    if (meta.maxTime < range.start || meta.minTime >= range.end) continue
    guard.check()
    let counted = cache.logServices.get(meta.id)
    if (!counted) {
      const block = cache.logBlock(meta)
      counted = countServices(block.services, block.service, block.timeUs, () => false)
      cache.logServices.set(meta.id, counted)
    }
    for (const part of counted) {
      const one = info(part.service)
      one.logs += part.rows
      seen(one, part)
    }
  }
  return [...infos.values()].sort((a, b) => (a.service < b.service ? -1 : 1))
}

function countServices(
  names: readonly string[],
  index: ArrayLike<number>,
  times: Float64Array,
  failed: (row: number) => boolean,
): ServiceCount[] {
  const counts = names.map((service) => ({ service, rows: 0, errors: 0, first: Number.POSITIVE_INFINITY, last: 0 }))
  for (let row = 0; row < index.length; row++) {
    const count = counts[index[row]]
    count.rows++
    if (failed(row)) count.errors++
    count.first = Math.min(count.first, times[row])
    count.last = Math.max(count.last, times[row])
  }
  return counts
}
