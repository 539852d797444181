/**
 * From spans to a trace. Pure, and safe with what senders really send: repeated spans, missing roots, cycles, spans
 * that are their own parent, hundreds of thousands of spans. Nothing here recurses.
 */
import { SPAN_KINDS, SPAN_STATUSES, type TraceSummary } from '../model/records.ts'

/** What assembly needs to know of a span. Times are µs. */
export interface AssemblySpan {
  spanId: string
  parentId: string | null
  service: string
  name: string
  /** OTLP kind 0..5. */
  kind: number
  start: number
  dur: number
  /** 0 UNSET, 1 OK, 2 ERROR. */
  status: number
  sampleRate: number
}

/**
 * The spans without those that arrived before, by the rule of `SpanBatch` identity in core/storage/store.ts: all of span
 * id, service, kind, name, start, duration and status are the same. Order is kept.
 */
export function dedupeSpans<T extends AssemblySpan>(spans: readonly T[]): readonly T[] {
  const ids = new Set<string>()
  for (const { spanId } of spans) ids.add(spanId)
  if (ids.size === spans.length) return spans
  const seen = new Set<string>()
  return spans.filter((span) => {
    const key = `${span.spanId}\0${span.service}\0${span.kind}\0${span.name}\0${span.start}\0${span.dur}\0${span.status}`
    if (seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** The oldest span without a parent; while that is missing, the oldest span. `spans` must not be empty. */
export function findRoot<T extends AssemblySpan>(spans: readonly T[]): { root: T; missing: boolean } {
  let root: T | null = null
  let oldest = spans[0]
  for (const span of spans) {
    if (span.start < oldest.start) oldest = span
    if (span.parentId === null && (root === null || span.start < root.start)) root = span
  }
  return root ? { root, missing: false } : { root: oldest, missing: true }
}

/** Spans whose parent never arrived; a span that is its own parent counts, too. */
export function countOrphans(spans: readonly AssemblySpan[]): number {
  const ids = new Set(spans.map((span) => span.spanId))
  let orphans = 0
  for (const span of spans) {
    if (span.parentId !== null && (span.parentId === span.spanId || !ids.has(span.parentId))) orphans++
  }
  return orphans
}

/** µs each span spent itself: its duration less the union of its children's intervals within it. */
export function selfTimes(spans: readonly AssemblySpan[]): Float64Array {
  const n = spans.length
  const byId = new Map<string, number>()
  for (let index = n - 1; index >= 0; index--) byId.set(spans[index].spanId, index)
  const self = new Float64Array(n)
  const coveredUntil = new Float64Array(n)
  let sorted = true
  for (let index = 0; index < n; index++) {
    self[index] = spans[index].dur
    coveredUntil[index] = spans[index].start
    if (index > 0 && spans[index].start < spans[index - 1].start) sorted = false
  }
  // By start, children of one parent meet it in order, and their union needs no more than how far it reaches.
  const order = Uint32Array.from({ length: n }, (_, index) => index)
  if (!sorted) order.sort((a, b) => spans[a].start - spans[b].start)
  for (const index of order) {
    const { parentId, start, dur } = spans[index]
    const parent = parentId === null ? undefined : byId.get(parentId)
    if (parent === undefined || parent === index) continue
    const from = Math.max(start, coveredUntil[parent])
    const to = Math.min(start + dur, spans[parent].start + spans[parent].dur)
    if (to <= from) continue
    self[parent] -= to - from
    coveredUntil[parent] = to
  }
  return self
}

/** Looks an attribute of the root up, as text; null where it is missing. */
export type AttributeLookup = (key: string) => string | null

/**
 * The summary of one trace. `spans` are deduplicated and not empty; `attributesOf` is asked about the root only.
 */
export function summarize<T extends AssemblySpan>(
  traceId: string,
  spans: readonly T[],
  attributesOf: (root: T) => AttributeLookup,
): TraceSummary {
  const { root, missing } = findRoot(spans)
  let start = spans[0].start
  let end = start
  let errorCount = 0
  let sampleRate = 1
  for (const span of spans) {
    start = Math.min(start, span.start)
    end = Math.max(end, span.start + span.dur)
    if (span.status === 2) errorCount++
    sampleRate = Math.max(sampleRate, span.sampleRate)
  }
  return {
    traceId,
    service: root.service,
    name: root.name,
    kind: SPAN_KINDS[root.kind] ?? 'UNSPECIFIED',
    start,
    dur: end - start,
    status: errorCount > 0 ? 'ERROR' : SPAN_STATUSES[root.status],
    spanCount: spans.length,
    errorCount,
    services: [...new Set(spans.map((span) => span.service))].sort(),
    rootMissing: missing,
    http: httpOf(attributesOf(root)),
    mostTime: mostTime(spans, end - start),
    sampleRate,
  }
}

function mostTime(spans: readonly AssemblySpan[], traceDur: number): TraceSummary['mostTime'] {
  const self = selfTimes(spans)
  interface Group {
    service: string
    name: string
    count: number
    self: number
  }
  const byService = new Map<string, Map<string, Group>>()
  const groups: Group[] = []
  spans.forEach(({ service, name }, index) => {
    let byName = byService.get(service)
    if (!byName) {
      byName = new Map()
      byService.set(service, byName)
    }
    let group = byName.get(name)
    if (!group) {
      group = { service, name, count: 0, self: 0 }
      groups.push(group)
      byName.set(name, group)
    }
    group.count++
    group.self += self[index]
  })
  let most: Group | null = null
  for (const group of groups) if (!most || group.self > most.self) most = group
  if (!most) return null
  // Spans that run side by side may add up to more than the trace took.
  const share = traceDur > 0 ? Math.min(1, most.self / traceDur) : 0
  return { service: most.service, name: most.name, count: most.count, share }
}

function httpOf(attribute: AttributeLookup): TraceSummary['http'] {
  const first = (...keys: string[]): string | null => {
    for (const key of keys) {
      const value = attribute(key)
      if (value !== null && value !== '') return value
    }
    return null
  }
  const method = first('http.request.method', 'http.method')
  const statusCode = Number(first('http.response.status_code', 'http.status_code') ?? 0)
  if (method === null && !(statusCode > 0)) return null
  const target = first('http.route', 'url.path', 'http.target') ?? ''
  return { method: method ?? '', route: target.split('?')[0], statusCode: Number.isFinite(statusCode) ? statusCode : 0 }
}
