import type { SpanRecord } from '../../../../core/model/records.ts'

/** One line of the waterfall. */
export interface WaterfallRow {
  span: SpanRecord
  depth: number
  /** Names a parent that is not in the trace. */
  orphan: boolean
  childCount: number
  /** µs of the span not covered by its children. */
  self: number
  /** Ids of the rows above it, for collapsing. */
  path: readonly number[]
}

export interface WaterfallLayout {
  rows: WaterfallRow[]
  /** µs since 1970; children that outlive their parents are inside. */
  start: number
  end: number
  orphans: number
}

/**
 * Puts the spans of a trace into tree order: roots by start, children under their parents by start. Cycles, spans that
 * are their own parents and parents that never arrived end at the top level; every span is one row.
 */
export function layoutTrace(spans: readonly SpanRecord[]): WaterfallLayout {
  const byId = new Map<string, number>()
  spans.forEach((span, index) => {
    if (!byId.has(span.spanId)) byId.set(span.spanId, index)
  })
  const children: number[][] = spans.map(() => [])
  const roots: number[] = []
  const orphan = new Uint8Array(spans.length)
  spans.forEach((span, index) => {
    const parent = span.parentId === null ? undefined : byId.get(span.parentId)
    if (parent === undefined || parent === index) {
      if (span.parentId !== null && parent === undefined) orphan[index] = 1
      roots.push(index)
    } else children[parent].push(index)
  })
  const byStart = (a: number, b: number): number =>
    spans[a].start - spans[b].start || spans[a].startNs - spans[b].startNs || a - b
  const seen = new Uint8Array(spans.length)
  const rows: WaterfallRow[] = []
  const walk = (from: number): void => {
    const stack: { index: number; path: readonly number[] }[] = [{ index: from, path: [] }]
    for (let next = stack.pop(); next; next = stack.pop()) {
      const { index, path } = next
      if (seen[index]) continue
      seen[index] = 1
      const at = rows.length
      const below = children[index].sort(byStart)
      rows.push({
        span: spans[index],
        depth: path.length,
        orphan: orphan[index] === 1,
        childCount: below.length,
        self: selfTime(
          spans[index],
          below.map((child) => spans[child]),
        ),
        path,
      })
      const inner = path.length < 512 ? [...path, at] : path
      for (let i = below.length - 1; i >= 0; i--) if (!seen[below[i]]) stack.push({ index: below[i], path: inner })
    }
  }
  for (const root of roots.sort(byStart)) walk(root)
  // What is left hangs in a cycle: its earliest span is shown at the top level.
  const left = spans.map((_, index) => index).filter((index) => !seen[index])
  for (const index of left.sort(byStart)) if (!seen[index]) walk(index)
  let start = Number.POSITIVE_INFINITY
  let end = Number.NEGATIVE_INFINITY
  for (const span of spans) {
    start = Math.min(start, span.start)
    end = Math.max(end, span.start + span.dur)
  }
  return {
    rows,
    start: spans.length > 0 ? start : 0,
    end: spans.length > 0 ? end : 0,
    orphans: orphan.reduce((sum, one) => sum + one, 0),
  }
}

/** The span's time less the union of its children, clipped to the span. Children come sorted by start. */
function selfTime(span: SpanRecord, children: readonly SpanRecord[]): number {
  const end = span.start + span.dur
  let covered = 0
  let reached = span.start
  for (const child of children) {
    const from = Math.max(child.start, reached)
    const to = Math.min(child.start + child.dur, end)
    if (to > from) {
      covered += to - from
      reached = to
    }
  }
  return Math.max(0, span.dur - covered)
}

/** Rows that are in sight when these rows (by their place) are collapsed. */
export function visibleRows(rows: readonly WaterfallRow[], collapsed: ReadonlySet<number>): number[] {
  const visible: number[] = []
  rows.forEach((row, at) => {
    if (!row.path.some((above) => collapsed.has(above))) visible.push(at)
  })
  return visible
}

/** Round steps for a time axis: at most `count` ticks over `dur` µs. */
export function rulerTicks(dur: number, count: number): number[] {
  if (!(dur > 0)) return [0]
  const rough = dur / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough) ?? rough
  const ticks: number[] = []
  for (let tick = 0; tick <= dur; tick += step) ticks.push(tick)
  return ticks
}
