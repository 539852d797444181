import { SPAN_TYPES, type TraceStructure } from '../../../../core/model/trace-structure.ts'
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

const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const DATABASE = SPAN_TYPES.indexOf('database')
const MESSAGING = SPAN_TYPES.indexOf('messaging')

/** Who a span's own time belongs to: a database or queue that it calls, else its service. */
export function ownerOf(trace: TraceStructure, span: number): { name: string; square: boolean } {
  // A consumer or server that works on a message is no part of the queue.
  const calls = trace.kind[span] === CLIENT || trace.kind[span] === PRODUCER
  const square =
    (trace.type[span] === DATABASE && trace.kind[span] !== SERVER) || (trace.type[span] === MESSAGING && calls)
  const peer = square ? trace.peers[trace.peer[span]] : ''
  return { name: peer || trace.services[trace.service[span]], square }
}

/** Equal for spans that have the same service and owner. Exact: all parts are small. */
export function ownerKey(trace: TraceStructure, span: number): number {
  const party = trace.service[span] * trace.peers.length + trace.peer[span]
  return (party * 8 + trace.type[span]) * 8 + trace.kind[span]
}

/** `ownerOf` for all spans of a trace: text is made once an owner. */
export function ownerReader(trace: TraceStructure): (span: number) => { name: string; square: boolean } {
  const known = new Map<number, { name: string; square: boolean }>()
  return (span) => {
    const key = ownerKey(trace, span)
    let owner = known.get(key)
    if (!owner) {
      owner = ownerOf(trace, span)
      known.set(key, owner)
    }
    return owner
  }
}

export function operationsOf(trace: TraceStructure, layout: TraceLayout): Operation[] {
  const found = new Map<number, Operation>()
  const names = trace.names.length
  for (let span = 0; span < layout.count; span++) {
    const key = ownerKey(trace, span) * names + trace.name[span]
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
  return mergeEqual([...found.values()]).sort((a, b) => b.self - a.self)
}

/** Client and server halves of one service and name count together. */
function mergeEqual(list: readonly Operation[]): Operation[] {
  const merged = new Map<string, Operation>()
  for (const one of list) {
    const key = `${one.service}\0${one.name}\0${one.owner}`
    const same = merged.get(key)
    if (!same) {
      merged.set(key, one)
      continue
    }
    same.count += one.count
    same.errors += one.errors
    same.total += one.total
    same.self += one.self
    same.critical += one.critical
    if (one.max > same.max) {
      same.max = one.max
      same.example = one.example
    }
    same.first = Math.min(same.first, one.first)
  }
  return [...merged.values()]
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
