import { SPAN_TYPES, type TraceStructure } from '../../../../core/model/trace-structure.ts'
import type { TraceLayout } from './layout.ts'
import type { Operation } from './operations.ts'

/** The one sentence about a trace: where most of its time went, and how. */
export interface Culprit {
  operation: Operation
  /** Of the time of the whole trace, at most 1. */
  share: number
  /** How the calls lay, where there are several. */
  how: 'one' | 'sequential' | 'parallel'
  /** Many equal database calls one after another under one parent: the N+1 pattern. */
  suspectNPlusOne: boolean
  /** Where to look: the group when there is one, else the longest span. */
  group: number
  span: number
}

const DATABASE = SPAN_TYPES.indexOf('database')
const MANY = 5

export function findCulprit(
  trace: TraceStructure,
  layout: TraceLayout,
  operations: readonly Operation[],
): Culprit | null {
  const operation = operations[0]
  const whole = layout.to - layout.from
  if (!operation || whole <= 0) return null
  let group = -1
  layout.groups.forEach((one, at) => {
    const first = one.members[0]
    const equal =
      trace.name[first] === trace.name[operation.first] && trace.service[first] === trace.service[operation.first]
    if (equal && (group === -1 || one.members.length > layout.groups[group].members.length)) group = at
  })
  const biggest = group === -1 ? null : layout.groups[group]
  const sequential = biggest ? biggest.sequential : operation.total <= whole * 1.001
  return {
    operation,
    share: Math.min(1, operation.self / whole),
    how: operation.count === 1 ? 'one' : sequential ? 'sequential' : 'parallel',
    suspectNPlusOne:
      biggest?.sequential === true && biggest.members.length >= MANY && trace.type[operation.first] === DATABASE,
    group,
    span: operation.example,
  }
}
