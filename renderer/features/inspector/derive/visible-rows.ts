import type { StructureLog } from '../../../../core/model/trace-structure.ts'
import type { TraceLayout } from './layout.ts'

/** What one line of the waterfall shows. */
export const Line = {
  /** `ref` is a span. */
  span: 0,
  /** `ref` is a group, folded. */
  folded: 1,
  /** `ref` is a group whose members follow. */
  opened: 2,
  /** `ref` is a log record of the structure. */
  log: 3,
  /** `ref` is how many further log records are in the Logs tab only. */
  moreLogs: 4,
} as const

/** The lines in order; all columns have the same length. */
export interface Lines {
  kind: Uint8Array
  ref: Int32Array
  depth: Uint16Array
  /** For a span or group: 1 when something lies below, 2 when that is hidden. */
  fold: Uint8Array
}

export interface LineChoice {
  /** Rows whose descendants are hidden. */
  collapsed: ReadonlySet<number>
  /** Groups (by place) that are shown span by span. */
  opened: ReadonlySet<number>
  /** Whether equal siblings fold at all. */
  group: boolean
  /** Rows that are kept, or all. */
  keep: Uint8Array | null
  /** Log records by span that get lines of their own; none when logs are off. */
  logs: ReadonlyMap<number, readonly number[]>
}

/** Log lines under one span or folded group before the rest is only counted. */
const LOG_LINES = 3

/** The lines to show, in O(rows + lines). */
export function visibleLines(layout: TraceLayout, choice: LineChoice): Lines {
  const { tree, groups, count } = layout
  const logLines = [...choice.logs.values()].reduce((sum, list) => sum + Math.min(list.length, LOG_LINES + 1), 0)
  const room = count + groups.length + logLines
  const kind = new Uint8Array(room)
  const ref = new Int32Array(room)
  const depth = new Uint16Array(room)
  const fold = new Uint8Array(room)
  let lines = 0
  const push = (what: number, to: number, level: number, folds: number): void => {
    kind[lines] = what
    ref[lines] = to
    depth[lines] = level
    fold[lines++] = folds
  }
  const pushLogs = (records: readonly number[], level: number): void => {
    for (const record of records.slice(0, LOG_LINES)) push(Line.log, record, level, 0)
    if (records.length > LOG_LINES) push(Line.moreLogs, records.length - LOG_LINES, level, 0)
  }
  const groupAt = new Map<number, number>()
  if (choice.group) for (const [at, group] of groups.entries()) groupAt.set(group.first, at)
  /** Rows at which an opened group ends: what lies inside is one level deeper. */
  const ends: number[] = []
  let row = 0
  while (row < count) {
    while (ends.length > 0 && row >= ends[ends.length - 1]) ends.pop()
    const level = tree.depth[row] + ends.length
    const at = groupAt.get(row)
    if (at !== undefined) {
      const group = groups[at]
      groupAt.delete(row)
      if (!choice.opened.has(at)) {
        if (!choice.keep || anyKept(choice.keep, group.first, group.end)) {
          push(Line.folded, at, level, 2)
          if (choice.logs.size > 0) pushLogs(logsOfMembers(choice.logs, group.members), level + 1)
        }
        row = group.end
        continue
      }
      push(Line.opened, at, level, 1)
      ends.push(group.end)
      continue
    }
    if (choice.keep && !choice.keep[row]) {
      row++
      continue
    }
    const span = tree.order[row]
    const hidden = choice.collapsed.has(row)
    push(Line.span, span, level, tree.end[row] === row + 1 ? 0 : hidden ? 2 : 1)
    const records = choice.logs.get(span)
    if (records) pushLogs(records, level + 1)
    row = hidden ? tree.end[row] : row + 1
  }
  return {
    kind: kind.subarray(0, lines),
    ref: ref.subarray(0, lines),
    depth: depth.subarray(0, lines),
    fold: fold.subarray(0, lines),
  }
}

function anyKept(keep: Uint8Array, from: number, to: number): boolean {
  for (let row = from; row < to; row++) if (keep[row]) return true
  return false
}

function logsOfMembers(logs: ReadonlyMap<number, readonly number[]>, members: Int32Array): number[] {
  const found: number[] = []
  for (const span of members) {
    const own = logs.get(span)
    if (own) found.push(...own)
  }
  return found
}

/** Log records by span: all for diamonds, those of at least `severity` for lines. */
export function logsBySpan(
  logs: readonly StructureLog[],
  spanOf: (id: string) => number,
  severity: number,
): Map<number, number[]> {
  const found = new Map<number, number[]>()
  logs.forEach((log, at) => {
    if (log.severity < severity || log.spanId === null) return
    const span = spanOf(log.spanId)
    if (span === -1) return
    const list = found.get(span)
    if (list) list.push(at)
    else found.set(span, [at])
  })
  return found
}

/** Marks the rows of these spans and of all above them; and, for a whole group, its members. */
export function keepWithAncestors(layout: TraceLayout, spans: Iterable<number>): Uint8Array {
  const keep = new Uint8Array(layout.count)
  for (const span of spans) {
    for (let at = span; at !== -1; at = layout.parent[at]) {
      const row = layout.tree.rowOf[at]
      if (keep[row]) break
      keep[row] = 1
    }
  }
  return keep
}

/** Spans that take at least `share` of the trace, alone or as a group of equal siblings. */
export function longSpans(layout: TraceLayout, dur: Float64Array, share: number): number[] {
  const least = (layout.to - layout.from) * share
  const found: number[] = []
  for (let span = 0; span < layout.count; span++) if (dur[span] >= least) found.push(span)
  for (const group of layout.groups) if (group.sum >= least) found.push(...group.members)
  return found
}

/** Rows to collapse so that only levels above `level` show. */
export function collapseAtLevel(layout: TraceLayout, level: number): Set<number> {
  const { tree, count } = layout
  const rows = new Set<number>()
  for (let row = 0; row < count; row++) if (tree.depth[row] === level && tree.end[row] > row + 1) rows.add(row)
  return rows
}
