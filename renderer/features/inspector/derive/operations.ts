import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import type { TraceLayout } from './layout.ts'

/** One operation: all spans of a service with one name (and other party). Times are µs. */
export interface Operation {
  service: string
  name: string
  /** Who does the work: the other party where the span only waits for it, else the service. */
  owner: string
  square: boolean
  count: number
  errors: number
  total: number
  self: number
  max: number
  /** µs on the critical path. */
  critical: number
  /** The longest of them. */
  example: number
  first: number
}

export type OperationOrder = 'name' | 'count' | 'total' | 'self' | 'max' | 'errors' | 'critical'

/** Who a span's own time belongs to: a database or queue that it calls, else its service. */
export function ownerOf(trace: TraceStructure, span: number): { name: string; square: boolean } {
  const type = trace.type[span]
  const square = type === 3 || type === 4
  const peer = square ? trace.peers[trace.peer[span]] : ''
  return { name: peer || trace.services[trace.service[span]], square }
}

export function operationsOf(trace: TraceStructure, layout: TraceLayout): Operation[] {
  const found = new Map<string, Operation>()
  for (let span = 0; span < layout.count; span++) {
    const key = `${trace.service[span]} ${trace.name[span]} ${trace.peer[span]} ${trace.type[span]}`
    let operation = found.get(key)
    if (!operation) {
      const owner = ownerOf(trace, span)
      operation = {
        service: trace.services[trace.service[span]],
        name: trace.names[trace.name[span]],
        owner: owner.name,
        square: owner.square,
        count: 0,
        errors: 0,
        total: 0,
        self: 0,
        max: 0,
        critical: 0,
        example: span,
        first: span,
      }
      found.set(key, operation)
    }
    operation.count++
    operation.total += trace.dur[span]
    operation.self += layout.self.total[span]
    operation.critical += layout.critical.total[span]
    if (trace.status[span] === 2) operation.errors++
    if (trace.dur[span] > operation.max) {
      operation.max = trace.dur[span]
      operation.example = span
    }
  }
  return [...found.values()].sort((a, b) => b.self - a.self)
}

export function sortOperations(list: readonly Operation[], by: OperationOrder, down: boolean): Operation[] {
  const sign = down ? -1 : 1
  return [...list].sort((a, b) =>
    by === 'name'
      ? sign * (a.name.localeCompare(b.name) || a.service.localeCompare(b.service))
      : sign * (a[by] - b[by]) || b.self - a.self,
  )
}

/** Own time of one owner in the whole trace. */
export interface OwnerShare {
  owner: string
  square: boolean
  self: number
  /** Of all own time together. */
  share: number
  count: number
  errors: number
}

export function ownerShares(operations: readonly Operation[]): OwnerShare[] {
  const shares = new Map<string, OwnerShare>()
  let all = 0
  for (const one of operations) {
    const share = shares.get(one.owner) ?? {
      owner: one.owner,
      square: one.square,
      self: 0,
      share: 0,
      count: 0,
      errors: 0,
    }
    share.self += one.self
    share.count += one.count
    share.errors += one.errors
    all += one.self
    shares.set(one.owner, share)
  }
  for (const share of shares.values()) share.share = all > 0 ? share.self / all : 0
  return [...shares.values()].sort((a, b) => b.self - a.self)
}
