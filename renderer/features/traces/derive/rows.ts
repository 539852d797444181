import type { TraceSummary } from '../../../../core/model/records.ts'

/** What a row shows beside the summary itself. */
export interface TraceRow {
  summary: TraceSummary
  method: string
  path: string
  /** 0..1 on a log scale of the whole list. */
  share: number
  /** 0..1, or null when too few traces of that route are loaded. */
  tick: number | null
}

const ENOUGH_FOR_P95 = 5

/** Shortest and longest duration, µs, at least 1; of nothing at all the first is infinite. */
export type Extent = readonly [least: number, most: number]

/** The extent of these and those. */
export function widened(extent: Extent, items: readonly TraceSummary[]): Extent {
  let [least, most] = extent
  for (const { dur } of items) {
    least = Math.min(least, Math.max(1, dur))
    most = Math.max(most, dur)
  }
  return [least, most]
}

/**
 * Rows of the list with what depends on all of them: the scale of the bars and each route's P95. `known` holds the P95
 * of each operation in the whole range, µs; where it says nothing, the loaded rows must do. `extent` is what the bars
 * are drawn to: it grows as rows are read, and does not shrink when some are dropped.
 */
export function toRows(
  items: readonly TraceSummary[],
  known: ReadonlyMap<string, number> = new Map(),
  extent: Extent = widened([Infinity, 1], items),
): TraceRow[] {
  const [least, most] = extent.map((us) => Math.log(us))
  const scale = (us: number): number => (most > least ? (Math.log(Math.max(1, us)) - least) / (most - least) : 1)
  const p95 = new Map<string, number | null>()
  for (const [route, values] of groupDurations(items))
    p95.set(route, values.length < ENOUGH_FOR_P95 ? null : quantile(values, 0.95))
  return items.map((summary) => {
    const slow = known.get(summary.name) ?? p95.get(routeOf(summary)) ?? null
    return {
      summary,
      method: summary.http?.method ?? '',
      path: summary.http?.route || summary.name,
      share: 0.02 + 0.98 * scale(summary.dur),
      tick: slow === null ? null : 0.02 + 0.98 * Math.min(1, Math.max(0, scale(slow))),
    }
  })
}

/** P95 of all durations, or null for an empty list. */
export function slowest(items: readonly TraceSummary[]): number | null {
  return items.length === 0
    ? null
    : quantile(
        items.map((item) => item.dur),
        0.95,
      )
}

function routeOf(summary: TraceSummary): string {
  return `${summary.service}\n${summary.http?.method ?? ''}\n${summary.http?.route || summary.name}`
}

function groupDurations(items: readonly TraceSummary[]): Map<string, number[]> {
  const groups = new Map<string, number[]>()
  for (const item of items) {
    const list = groups.get(routeOf(item))
    if (list) list.push(item.dur)
    else groups.set(routeOf(item), [item.dur])
  }
  return groups
}

function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]
}

/** New rows put in front; a trace that is there already is renewed in its place. */
export function mergeNew(
  list: readonly TraceSummary[],
  fresh: TraceSummary[],
): { items: TraceSummary[]; added: number } {
  const byId = new Map(fresh.map((item) => [item.traceId, item]))
  const kept = list.map((item) => {
    const renewed = byId.get(item.traceId)
    if (renewed) byId.delete(item.traceId)
    return renewed ?? item
  })
  const added = [...byId.values()].sort((a, b) => b.start - a.start)
  return { items: added.length > 0 ? [...added, ...kept] : kept, added: added.length }
}

export interface SimpleFilter {
  service?: string
  status?: string
  operation?: string
  /** µs. */
  min: number | null
  max: number | null
}

/** Whether a live trace belongs to the list, as far as its summary can say. */
export function matchesSummary(summary: TraceSummary, filter: SimpleFilter): boolean {
  if (filter.service && !summary.services.includes(filter.service)) return false
  if (filter.operation && summary.name !== filter.operation) return false
  if (filter.status === 'error' && summary.status !== 'ERROR') return false
  if (filter.status === 'ok' && summary.status === 'ERROR') return false
  if (filter.min !== null && summary.dur < filter.min) return false
  return filter.max === null || summary.dur <= filter.max
}
