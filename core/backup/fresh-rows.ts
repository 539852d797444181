import type { Settings } from '../config/settings.ts'
import type { TelemetryBatch } from '../model/columns.ts'
import { selectRows } from '../model/select-rows.ts'
import { rowHashes } from '../storage/content-sum.ts'
import { scanAll } from '../storage/scan.ts'
import { openBackupSource } from './open-source.ts'
import { type Hooks, type InspectOrder, inspectPlaces } from './operations.ts'

/** The store whose rows are not to be stored a second time. */
export interface FreshOrder {
  dataDir: string
  storage: Settings['storage']
}

/** How often each row occurs, by a 64-bit hash of all its values; open addressing, about 24 bytes a row. */
class RowCounts {
  #keys = new Uint32Array(2 * 65_536)
  /** One more than there are: a slot whose rows were all taken stays in use, so that others are found behind it. */
  #counts = new Uint32Array(65_536)
  #used = 0

  #slot(a: number, b: number): number {
    const mask = this.#counts.length - 1
    let slot = (a ^ (b >>> 7)) & mask
    while (this.#counts[slot] !== 0 && (this.#keys[2 * slot] !== a || this.#keys[2 * slot + 1] !== b))
      slot = (slot + 1) & mask
    return slot
  }

  add(a: number, b: number): void {
    if (this.#used * 2 >= this.#counts.length) this.#grow()
    const slot = this.#slot(a, b)
    if (this.#counts[slot] === 0) {
      this.#used++
      this.#keys[2 * slot] = a
      this.#keys[2 * slot + 1] = b
      this.#counts[slot] = 1
    }
    this.#counts[slot]++
  }

  #grow(): void {
    const [keys, counts] = [this.#keys, this.#counts]
    this.#keys = new Uint32Array(keys.length * 2)
    this.#counts = new Uint32Array(counts.length * 2)
    for (let i = 0; i < counts.length; i++) {
      if (counts[i] === 0) continue
      const slot = this.#slot(keys[2 * i], keys[2 * i + 1])
      this.#keys[2 * slot] = keys[2 * i]
      this.#keys[2 * slot + 1] = keys[2 * i + 1]
      this.#counts[slot] = counts[i]
    }
  }

  /** Takes one of these rows out; false when there is none (left). */
  take(a: number, b: number): boolean {
    const slot = this.#slot(a, b)
    if (this.#counts[slot] <= 1) return false
    this.#counts[slot]--
    return true
  }
}

/**
 * Finds the rows of an archive that a store does not have: rows with the same values are matched one by one, so that a
 * merge that is repeated adds nothing.
 */
export async function freshRows(
  order: InspectOrder,
  { dataDir, storage }: FreshOrder,
  { signal, progress }: Hooks,
): Promise<<B extends TelemetryBatch>(batch: B) => B> {
  const parts = (await inspectPlaces(order)).flatMap((manifest) => manifest.parts)
  const times = parts.filter(({ kind }) => kind === 'spans' || kind === 'logs')
  const first = Math.min(...times.map((part) => part.first ?? 0))
  const last = Math.max(...times.map((part) => part.last ?? 0))
  const counts = { traces: new RowCounts(), logs: new RowCounts() }
  const source = await openBackupSource(dataDir, storage)
  let rows = 0
  try {
    const upTo = await source.scanner.scanMark()
    for await (const part of scanAll(source.scanner, { after: null, upTo, since: first }, signal)) {
      for (const batch of [...part.spans, ...part.logs]) {
        const of = batch.signal === 'traces' ? batch.startUs : batch.timeUs
        const hashes = rowHashes(batch)
        for (let row = 0; row < batch.n; row++) {
          if (of[row] > last) continue
          counts[batch.signal].add(hashes[2 * row], hashes[2 * row + 1])
          rows++
        }
      }
      progress({ phase: 'compare', done: rows, total: null, unit: 'rows' })
    }
  } finally {
    await source.close()
  }
  return (batch) => {
    const hashes = rowHashes(batch)
    const keep = new Uint8Array(batch.n)
    for (let row = 0; row < batch.n; row++)
      if (!counts[batch.signal].take(hashes[2 * row], hashes[2 * row + 1])) keep[row] = 1
    return keep.includes(0) ? selectRows(batch, keep) : batch
  }
}
