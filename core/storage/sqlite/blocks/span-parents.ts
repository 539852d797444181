import { IdTable } from './id-table.ts'
import { packUints } from './pack.ts'

const ROOT = 0
const FOREIGN = 1

/**
 * Parents mostly stand in the same block: they are kept as the distance to their row (0 = root, 1 = not here, else
 * distance + 2 doubled by sign), and only the others by id.
 * @param spanIds 8 bytes a row, as `parentIds`
 * @returns the packed distances, and 8 bytes for each parent that is not here
 */
export function encodeParents(spanIds: Uint8Array, parentIds: Uint8Array): { steps: Uint8Array; foreign: Uint8Array } {
  const n = spanIds.length / 8
  const ids = new IdTable(8, n)
  const firstRow = new Uint32Array(n)
  for (let i = 0; i < n; i++) {
    const before = ids.size
    const at = ids.intern(spanIds, i * 8)
    if (ids.size > before) firstRow[at] = i
  }
  const codes = new Uint32Array(n)
  const foreign = new Uint8Array(n * 8)
  let foreignBytes = 0
  for (let i = 0; i < n; i++) {
    let zero = true
    for (let j = 0; j < 8 && zero; j++) zero = parentIds[i * 8 + j] === 0
    if (zero) continue
    const found = ids.find(parentIds, i * 8)
    if (found === -1) {
      codes[i] = FOREIGN
      for (let j = 0; j < 8; j++) foreign[foreignBytes++] = parentIds[i * 8 + j]
    } else {
      const step = firstRow[found] - i
      codes[i] = (step >= 0 ? step * 2 : -step * 2 - 1) + 2
    }
  }
  return { steps: packUints(codes), foreign: foreign.subarray(0, foreignBytes) }
}

/** Rows from a span to its parent, by its code. */
function stepOf(code: number): number {
  const zigzag = code - 2
  return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2
}

/** What encodeParents made, as 8 bytes a row again, zeros = a root. */
export function decodeParents(spanIds: Uint8Array, codes: Uint32Array, foreign: Uint8Array): Uint8Array {
  const out = new Uint8Array(codes.length * 8)
  let next = 0
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]
    if (code === ROOT) continue
    if (code === FOREIGN) {
      for (let j = 0; j < 8; j++) out[i * 8 + j] = foreign[next++]
    } else {
      const row = i + stepOf(code)
      for (let j = 0; j < 8; j++) out[i * 8 + j] = spanIds[row * 8 + j]
    }
  }
  return out
}

/**
 * Where the 8 bytes of one row's parent stand, without decoding the parents of all rows; null = a root.
 * @param foreign opens the ids of the parents that are not here
 */
export function findParent(
  row: number,
  spanIds: () => Uint8Array,
  codes: Uint32Array,
  foreign: () => Uint8Array,
): { bytes: Uint8Array; at: number } | null {
  const code = codes[row]
  if (code === ROOT) return null
  if (code !== FOREIGN) return { bytes: spanIds(), at: (row + stepOf(code)) * 8 }
  let before = 0
  for (let i = 0; i < row; i++) if (codes[i] === FOREIGN) before++
  return { bytes: foreign(), at: before * 8 }
}
