import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import type { TraceLayout } from './layout.ts'
import { ownerOf } from './operations.ts'

/** All spans of one way from the top (services and names), in one trace. */
export interface Side {
  count: number
  /** Sum of durations, µs. */
  dur: number
  self: number
  errors: number
  example: number
}

export interface CompareRow {
  name: string
  owner: string
  square: boolean
  depth: number
  a: Side | null
  b: Side | null
  /** a − b in µs; what is missing counts as 0. */
  delta: number
  selfDelta: number
}

export interface Comparison {
  rows: CompareRow[]
  /** Of the whole traces, µs. */
  delta: number
  /** The row whose own time differs most in the direction of the whole difference. */
  culprit: CompareRow | null
  /** Rows only in A, only in B. */
  added: number
  missing: number
}

interface Node {
  name: string
  owner: string
  square: boolean
  a: Side | null
  b: Side | null
  children: Map<string, Node>
}

type Loaded = { trace: TraceStructure; layout: TraceLayout }

/** Matches spans by service, name and the way from the top; equal ones of one way are counted together. */
export function compareTraces(a: Loaded, b: Loaded): Comparison {
  const root: Node = { name: '', owner: '', square: false, a: null, b: null, children: new Map() }
  addTrace(root, a, 'a')
  addTrace(root, b, 'b')
  const rows: CompareRow[] = []
  const stack = [...root.children.values()].reverse().map((node) => ({ node, depth: 0 }))
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { node, depth } = next
    rows.push({
      name: node.name,
      owner: node.owner,
      square: node.square,
      depth,
      a: node.a,
      b: node.b,
      delta: (node.a?.dur ?? 0) - (node.b?.dur ?? 0),
      selfDelta: (node.a?.self ?? 0) - (node.b?.self ?? 0),
    })
    for (const child of [...node.children.values()].reverse()) stack.push({ node: child, depth: depth + 1 })
  }
  const delta = a.layout.to - a.layout.from - (b.layout.to - b.layout.from)
  const sign = delta < 0 ? -1 : 1
  let culprit: CompareRow | null = null
  for (const row of rows) {
    const own = row.selfDelta * sign
    if (own > 0 && (!culprit || own > culprit.selfDelta * sign)) culprit = row
  }
  return {
    rows,
    delta,
    culprit,
    added: rows.filter((row) => !row.b).length,
    missing: rows.filter((row) => !row.a).length,
  }
}

function addTrace(root: Node, { trace, layout }: Loaded, side: 'a' | 'b'): void {
  const nodeOf: Node[] = new Array(layout.count)
  for (const span of layout.tree.order) {
    const above = layout.parent[span] === -1 ? root : nodeOf[layout.parent[span]]
    const name = trace.names[trace.name[span]]
    const owner = ownerOf(trace, span)
    const key = `${owner.name}\0${trace.services[trace.service[span]]}\0${name}`
    let node = above.children.get(key)
    if (!node) {
      node = { name, owner: owner.name, square: owner.square, a: null, b: null, children: new Map() }
      above.children.set(key, node)
    }
    nodeOf[span] = node
    const one = node[side] ?? { count: 0, dur: 0, self: 0, errors: 0, example: span }
    node[side] = one
    one.count++
    one.dur += trace.dur[span]
    one.self += layout.self.total[span]
    if (trace.status[span] === 2) one.errors++
    if (trace.dur[span] > trace.dur[one.example]) one.example = span
  }
}

/** Lengths for a bar of √ scale around zero, −1 to 1. */
export function deltaBar(delta: number, largest: number): number {
  return largest > 0 ? Math.sign(delta) * Math.sqrt(Math.min(1, Math.abs(delta) / largest)) : 0
}

/** The attributes that differ, of the two spans at the top: missing ones are null. */
export function differingAttributes(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): { key: string; a: string | null; b: string | null }[] {
  const keys = new Set([...a.keys(), ...b.keys()])
  return [...keys]
    .filter((key) => a.get(key) !== b.get(key))
    .sort()
    .map((key) => ({ key, a: a.get(key) ?? null, b: b.get(key) ?? null }))
}

/** The one in the middle by duration. */
export function medianBy<T>(items: readonly T[], value: (item: T) => number): T | null {
  const sorted = [...items].sort((x, y) => value(x) - value(y))
  return sorted[(sorted.length - 1) >> 1] ?? null
}
