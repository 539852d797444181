import type { Filter, SpanAggregate, SpanChain } from '../model/filter.ts'

/** Spans of some traces in columns, whole traces at a time. */
export interface StructureRows {
  n: number
  /** A row's trace, by its number; -1 for rows that do not count. */
  trace: Int32Array
  /** The first row of its trace with the same span id. */
  node: Int32Array
  /** The first row of its trace with its parent's id; -1 where that span is missing, or for a root. */
  parent: Int32Array
  /** Which rows match a set of a chain; 1 = does. */
  mask(set: Filter): Uint8Array
  /** `dur` in µs, or an attribute of the span as a number, by row; NaN where there is none. */
  numbers(key: string): Float64Array
}

/**
 * Finds for each row the rows of its own id and of its parent's within its trace. Ids are two words each, 0 0 = none.
 * Trace ids may repeat span ids (a client and its server in Zipkin): all rows of an id stand for it together.
 */
export function linkRows(
  trace: Int32Array,
  spanIds: Uint32Array,
  parentIds: Uint32Array,
): { node: Int32Array; parent: Int32Array } {
  const n = trace.length
  let capacity = 64
  while (capacity < n * 2) capacity *= 2
  const mask = capacity - 1
  const table = new Int32Array(capacity).fill(-1)
  const slotOf = (row: number, a: number, b: number): number => {
    let hash = Math.imul(a ^ Math.imul(trace[row], 0x85ebca6b), 0xc2b2ae35) ^ Math.imul(b, 0x27d4eb2f)
    hash = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1)
    let slot = (hash ^ (hash >>> 13)) & mask
    for (let entry = table[slot]; entry !== -1; entry = table[slot]) {
      if (trace[entry] === trace[row] && spanIds[entry * 2] === a && spanIds[entry * 2 + 1] === b) break
      slot = (slot + 1) & mask
    }
    return slot
  }
  const node = new Int32Array(n).fill(-1)
  const parent = new Int32Array(n).fill(-1)
  for (let row = 0; row < n; row++) {
    if (trace[row] === -1) continue
    const slot = slotOf(row, spanIds[row * 2], spanIds[row * 2 + 1])
    if (table[slot] === -1) table[slot] = row
    node[row] = table[slot]
  }
  for (let row = 0; row < n; row++) {
    const [a, b] = [parentIds[row * 2], parentIds[row * 2 + 1]]
    if (trace[row] !== -1 && (a !== 0 || b !== 0)) parent[row] = table[slotOf(row, a, b)]
  }
  return { node, parent }
}

/** Whether `value op wanted` holds. */
function compares(op: SpanAggregate['op'], value: number, wanted: number): boolean {
  switch (op) {
    case '=':
      return value === wanted
    case '!=':
      return value !== wanted
    case '>':
      return value > wanted
    case '>=':
      return value >= wanted
    case '<':
      return value < wanted
    default:
      return value <= wanted
  }
}

/**
 * A set of spans that every trace with these conditions has one of: a search can begin with it. Null when there is none.
 */
export function narrowing(chains: readonly SpanChain[]): Filter | null {
  const needed = chains.filter(
    ({ aggregates }) =>
      aggregates.length === 0 || aggregates.some(({ fn, op, number }) => fn !== 'count' || !compares(op, 0, number)),
  )
  const sets = needed.flatMap((chain) => chain.sets).filter((set) => set.length > 0)
  // What is equal to something is found by the statistics of blocks and by indexes.
  const equal = sets.find((set) => set.some((term) => term.type === 'attribute' && term.op === '='))
  return equal ?? sets[0] ?? null
}

/** What is known of an aggregate by trace. */
interface Folded {
  aggregate: SpanAggregate
  /** Sum, minimum or maximum; unused for count. */
  value: Float64Array
  count: Uint32Array
}

/** Finds the traces on which chains of sets hold. Rows may come in portions, each trace in one of them. */
export class StructureMatcher {
  readonly #chains: { chain: SpanChain; found: Uint8Array; folded: Folded[] }[]

  constructor(chains: readonly SpanChain[], traces: number) {
    this.#chains = chains.map((chain) => ({
      chain,
      found: new Uint8Array(traces),
      folded: chain.aggregates.map((aggregate) => ({
        aggregate,
        value: new Float64Array(aggregate.fn === 'count' ? 0 : traces).fill(Number.NaN),
        count: new Uint32Array(traces),
      })),
    }))
  }

  add(rows: StructureRows): void {
    for (const { chain, found, folded } of this.#chains) {
      const last = lastOf(chain, rows)
      for (let row = 0; row < rows.n; row++) if (last[row] === 1) found[rows.trace[row]] = 1
      for (const one of folded) fold(one, last, rows)
    }
  }

  holds(trace: number): boolean {
    return this.#chains.every(({ found, folded }) =>
      folded.length === 0 ? found[trace] === 1 : folded.every((one) => foldedHolds(one, trace)),
    )
  }
}

/** Rows that a chain ends with. Every step takes time in proportion to the rows, whatever their tree looks like. */
function lastOf({ sets, steps }: SpanChain, rows: StructureRows): Uint8Array {
  let matched = counting(rows, rows.mask(sets[0]))
  steps.forEach((step, i) => {
    const mask = counting(rows, rows.mask(sets[i + 1]))
    const below = step === 'child' ? childrenOf(rows, matched) : descendantsOf(rows, matched)
    for (let row = 0; row < rows.n; row++) mask[row] &= below[row]
    matched = mask
  })
  return matched
}

function counting({ n, trace }: StructureRows, mask: Uint8Array): Uint8Array {
  const own = new Uint8Array(n)
  for (let row = 0; row < n; row++) own[row] = trace[row] === -1 ? 0 : mask[row]
  return own
}

function nodesOf({ n, node }: StructureRows, matched: Uint8Array): Uint8Array {
  const nodes = new Uint8Array(n)
  for (let row = 0; row < n; row++) if (matched[row] === 1) nodes[node[row]] = 1
  return nodes
}

function childrenOf(rows: StructureRows, matched: Uint8Array): Uint8Array {
  const { n, parent } = rows
  const nodes = nodesOf(rows, matched)
  const below = new Uint8Array(n)
  for (let row = 0; row < n; row++) if (parent[row] !== -1) below[row] = nodes[parent[row]]
  return below
}

/** Breadth first from all matched at once; a row is passed once, so that cycles end. */
function descendantsOf(rows: StructureRows, matched: Uint8Array): Uint8Array {
  const { n, node, parent } = rows
  const first = new Int32Array(n).fill(-1)
  const next = new Int32Array(n)
  for (let row = n - 1; row >= 0; row--) {
    if (parent[row] === -1) continue
    next[row] = first[parent[row]]
    first[parent[row]] = row
  }
  const seen = nodesOf(rows, matched)
  const queue = new Int32Array(n)
  let end = 0
  for (let row = 0; row < n; row++) if (seen[row] === 1) queue[end++] = row
  const below = new Uint8Array(n)
  for (let at = 0; at < end; at++) {
    for (let row = first[queue[at]]; row !== -1; row = next[row]) {
      below[row] = 1
      if (seen[node[row]] === 1) continue
      seen[node[row]] = 1
      queue[end++] = node[row]
    }
  }
  return below
}

function fold({ aggregate: { fn, key }, value, count }: Folded, last: Uint8Array, rows: StructureRows): void {
  const { n, trace } = rows
  if (fn === 'count') {
    for (let row = 0; row < n; row++) count[trace[row]] += last[row]
    return
  }
  const numbers = rows.numbers(key)
  for (let row = 0; row < n; row++) {
    const number = numbers[row]
    if (last[row] === 0 || Number.isNaN(number)) continue
    const t = trace[row]
    if (count[t]++ === 0) value[t] = number
    else if (fn === 'min') value[t] = Math.min(value[t], number)
    else if (fn === 'max') value[t] = Math.max(value[t], number)
    else value[t] += number
  }
}

/** Without any number there is no sum, and nothing holds of it. */
function foldedHolds({ aggregate: { fn, op, number }, value, count }: Folded, trace: number): boolean {
  if (fn === 'count') return compares(op, count[trace], number)
  if (count[trace] === 0) return false
  return compares(op, fn === 'avg' ? value[trace] / count[trace] : value[trace], number)
}
