import type { Facets, LogPattern, LogPatterns } from '../../../model/answers.ts'
import type { KeyValue } from '../../../model/records.ts'
import { plainText } from '../../../query/any-value.ts'
import { patternOf } from '../../../query/log-pattern.ts'
import type { LogQuery } from '../../store.ts'
import { cellText } from '../blocks/attribute-value.ts'
import type { BlockCache } from './block-cache.ts'
import { orderFacets, ValueCounter } from './count-values.ts'
import type { QueryGuard } from './query-guard.ts'
import { LOG_BANDS, logMatches } from './search-logs.ts'

const MOST_KEYS = 24
const MOST_PATTERNS = 200
const TREND = 24

/** Values of service, severity and the most frequent attributes among the records of a search. */
export function logFacets(cache: BlockCache, guard: QueryGuard, query: LogQuery, most: number): Facets {
  const counter = new ValueCounter()
  let total = 0
  for (const { rows, block, meta } of logMatches(cache, guard, query)) {
    total += rows.length
    const wanted = new Uint8Array(block.rows)
    const perService = new Uint32Array(block.services.length)
    const resources = block.resources()
    const perResource = new Uint32Array(resources.length)
    const perBand = new Uint32Array(LOG_BANDS.length)
    for (const row of rows) {
      wanted[row] = 1
      perService[block.service[row]]++
      perResource[block.resource[row]]++
      perBand[Math.ceil(block.severity[row] / 4)]++
    }
    perService.forEach((n, i) => {
      if (n > 0) counter.add('service', block.services[i], n)
    })
    perBand.forEach((n, i) => {
      if (n > 0) counter.add('severity', LOG_BANDS[i], n)
    })
    counter.present('service', rows.length)
    counter.present('severity', rows.length)
    const keys = [...meta.keys].sort((a, b) => b.count - a.count).slice(0, MOST_KEYS)
    for (const { key } of keys) {
      guard.check()
      const column = block.attribute(key)
      if (!column) continue
      const counted = new Map<string, number>()
      let present = 0
      for (let cell = 0; cell < column.rows.length; cell++) {
        if (wanted[column.rows[cell]] === 0) continue
        const text = cellText(column, cell)
        counted.set(text, (counted.get(text) ?? 0) + 1)
        present++
      }
      for (const [value, n] of counted) counter.add(key, value, n)
      counter.present(key, present)
    }
    resources.forEach((resource, i) => {
      if (perResource[i] === 0) return
      for (const { key, value } of JSON.parse(resource.attributes || '[]') as KeyValue[]) {
        if (key === 'service.name') continue
        counter.add(key, plainText(value), perResource[i])
        counter.present(key, perResource[i])
      }
    })
  }
  return { total, items: orderFacets(counter.finish(most), total, ['service', 'severity']) }
}

/** Folds the records of a search by message pattern, most frequent first. */
export function logPatterns(cache: BlockCache, guard: QueryGuard, query: LogQuery): LogPatterns {
  const found = new Map<string, LogPattern>()
  const step = Math.max(1, (query.end - query.start) / TREND)
  let total = 0
  for (const { rows, block } of logMatches(cache, guard, query)) {
    total += rows.length
    const { dictionary, index } = block.bodies()
    const known = new Array<LogPattern | undefined>(dictionary.length)
    for (const row of rows) {
      const entry = index[row]
      const time = block.timeUs[row]
      const pattern = known[entry] ?? open(found, patternOf(dictionary[entry]), dictionary[entry], time)
      known[entry] = pattern
      pattern.count++
      pattern.severity = Math.max(pattern.severity, block.severity[row])
      pattern.first = Math.min(pattern.first, time)
      pattern.last = Math.max(pattern.last, time)
      pattern.trend[Math.min(TREND - 1, Math.floor((time - query.start) / step))]++
      const service = block.services[block.service[row]]
      if (!pattern.services.includes(service) && pattern.services.length < 20) pattern.services.push(service)
    }
  }
  const items = [...found.values()].sort((a, b) => b.count - a.count || b.last - a.last).slice(0, MOST_PATTERNS)
  return { total, items, others: total - items.reduce((sum, item) => sum + item.count, 0) }
}

function open(found: Map<string, LogPattern>, pattern: string, example: string, time: number): LogPattern {
  let made = found.get(pattern)
  if (!made) {
    made = {
      pattern,
      count: 0,
      severity: 0,
      services: [],
      first: time,
      last: time,
      example: example.slice(0, 2000),
      trend: new Array<number>(TREND).fill(0),
    }
    found.set(pattern, made)
  }
  return made
}
