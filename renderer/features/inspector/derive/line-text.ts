import { SpanMark } from '../../../../core/model/columns.ts'
import { idAt, type TraceStructure } from '../../../../core/model/trace-structure.ts'
import type { TraceLayout } from './layout.ts'
import { ownerOf } from './operations.ts'
import { Lost } from './parents.ts'
import { Line, type Lines } from './visible-rows.ts'

/** What the tree side of one line says. */
export interface LineText {
  kind: number
  ref: number
  depth: number
  fold: number
  name: string
  /** Whose colour the swatch has, and its shape. */
  owner: string
  square: boolean
  /** Shown where it differs from the line above in the tree. */
  service: string
  /** Members of a group, 0 for a span. */
  times: number
  failed: boolean
  /** Message keys of what is odd about the span. */
  oddities: Oddity[]
  /** The one that the row is marked with. */
  tag: Oddity | null
  spanId: string
}
export type Oddity =
  | 'orphan'
  | 'cycle'
  | 'unfinished'
  | 'endBeforeStart'
  | 'startUnknown'
  | 'suspectTime'
  | 'late'
  | 'outlives'

export function lineText(trace: TraceStructure, layout: TraceLayout, lines: Lines, line: number): LineText {
  const kind = lines.kind[line]
  const ref = lines.ref[line]
  const base = { kind, ref, depth: lines.depth[line], fold: lines.fold[line] }
  if (kind >= Line.log)
    return {
      ...base,
      name: '',
      owner: '',
      square: false,
      service: '',
      times: 0,
      failed: false,
      oddities: [],
      tag: null,
      spanId: '',
    }
  const group = kind === Line.span ? null : layout.groups[ref]
  const span = group ? group.members[0] : ref
  const owner = ownerOf(trace, span)
  const above = layout.parent[span]
  const ownService = trace.services[trace.service[span]]
  const oddities = group ? [] : odditiesOf(trace, layout, span)
  const differs = above === -1 || ownerOf(trace, above).name !== owner.name
  return {
    ...base,
    name: trace.names[trace.name[span]],
    owner: owner.name,
    square: owner.square,
    service: differs ? owner.name || ownService : '',
    times: group ? group.members.length : 0,
    failed: group ? group.errors > 0 : trace.status[span] === 2,
    oddities,
    tag:
      oddities.find(
        (one) =>
          (one !== 'outlives' && one !== 'late') || overrun(trace, layout, span) > WORTH_A_TAG * trace.dur[above],
      ) ?? null,
    spanId: idAt(trace.spanIds, span),
  }
}

/** A child that begins or ends a few µs after its parent is how clocks are read, not news; its details say so all the same. */
const WORTH_A_TAG = 0.01

function overrun(trace: TraceStructure, layout: TraceLayout, span: number): number {
  const above = layout.parent[span]
  return layout.start[span] + trace.dur[span] - (layout.start[above] + trace.dur[above])
}

/** Everything about a span's place and times that is not as it should be; shown, never repaired in silence. */
export function odditiesOf(trace: TraceStructure, layout: TraceLayout, span: number): Oddity[] {
  const found: Oddity[] = []
  const marks = trace.marks[span]
  if (layout.lost[span] === Lost.orphan) found.push('orphan')
  if (layout.lost[span] === Lost.cycle) found.push('cycle')
  if (marks & SpanMark.unfinished) found.push('unfinished')
  if (marks & SpanMark.endBeforeStart) found.push('endBeforeStart')
  if (marks & SpanMark.startUnknown) found.push('startUnknown')
  if (marks & SpanMark.suspectTime) found.push('suspectTime')
  const above = layout.parent[span]
  if (above !== -1) {
    const end = layout.start[above] + trace.dur[above]
    if (layout.start[span] > end) found.push('late')
    else if (layout.start[span] + trace.dur[span] > end + 1) found.push('outlives')
  }
  return found
}
