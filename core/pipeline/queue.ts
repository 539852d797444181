import type { TelemetryBatch } from '../model/columns.ts'
import { errorRows, selectRows } from '../model/select-rows.ts'

interface Waiting<B> {
  batch: B
  /** 1 = an error row, dropped last. */
  errors: Uint8Array
  errorCount: number
}

/** What became of the rows offered, and of rows that had to leave for them. */
export interface Offer {
  accepted: number
  droppedNormal: number
  droppedErrors: number
  /** Normal rows accepted earlier that gave way to error rows. */
  evicted: number
}

/**
 * The rows of one signal that wait behind the batch being written, at most `limit` of them. Past the limit normal rows
 * are dropped before errors: an error row that arrives takes the place of a normal one that waits, the newest first.
 */
export class BoundedRowQueue<B extends TelemetryBatch> {
  #waiting: Waiting<B>[] = []
  #rows = 0
  #normal = 0

  get rows(): number {
    return this.#rows
  }

  /** Whether `count` more rows stay inside the limit. */
  hasRoom(count: number, limit: number): boolean {
    return this.#rows + count <= limit
  }

  /** Takes all rows without a look at the limit: nothing is being written, so nothing waits behind it. */
  take(batch: B): Offer {
    this.#append(batch, errorRows(batch))
    return { accepted: batch.n, droppedNormal: 0, droppedErrors: 0, evicted: 0 }
  }

  /** Takes what there is room for. */
  offer(batch: B, limit: number): Offer {
    if (this.hasRoom(batch.n, limit)) return this.take(batch)
    const errors = errorRows(batch)
    const errorCount = count(errors)
    const room = Math.max(0, limit - this.#rows)
    const evicted = this.#evict(Math.max(0, errorCount - room))
    const keptErrors = Math.min(errorCount, room + evicted)
    const keptNormal = Math.max(0, Math.min(batch.n - errorCount, room - errorCount))
    const keep = firstOfEach(errors, keptErrors, keptNormal)
    if (keptErrors + keptNormal > 0)
      this.#append(
        selectRows(batch, keep),
        errors.filter((_, row) => keep[row] === 1),
      )
    return {
      accepted: keptErrors + keptNormal,
      droppedNormal: batch.n - errorCount - keptNormal,
      droppedErrors: errorCount - keptErrors,
      evicted,
    }
  }

  /** Hands out whole batches, oldest first, until at least `most` rows are together. */
  shift(most: number): B[] {
    const taken: B[] = []
    let rows = 0
    while (this.#waiting.length > 0 && rows < most) {
      const { batch, errorCount } = this.#waiting.shift() as Waiting<B>
      taken.push(batch)
      rows += batch.n
      this.#normal -= batch.n - errorCount
    }
    this.#rows -= rows
    return taken
  }

  #append(batch: B, errors: Uint8Array): void {
    if (batch.n === 0) return
    const errorCount = count(errors)
    this.#waiting.push({ batch, errors, errorCount })
    this.#rows += batch.n
    this.#normal += batch.n - errorCount
  }

  #evict(wanted: number): number {
    const total = Math.min(wanted, this.#normal)
    let left = total
    for (let i = this.#waiting.length - 1; i >= 0 && left > 0; i--) {
      const { batch, errors, errorCount } = this.#waiting[i]
      const here = Math.min(left, batch.n - errorCount)
      if (here === 0) continue
      const keep = firstOfEach(errors, errorCount, batch.n - errorCount - here)
      left -= here
      if (here === batch.n) this.#waiting.splice(i, 1)
      else {
        const kept = selectRows(batch, keep)
        this.#waiting[i] = { batch: kept, errors: errors.filter((_, row) => keep[row] === 1), errorCount }
      }
    }
    this.#rows -= total
    this.#normal -= total
    return total
  }
}

function count(mask: Uint8Array): number {
  let total = 0
  for (const bit of mask) total += bit
  return total
}

function firstOfEach(errors: Uint8Array, errorCount: number, normalCount: number): Uint8Array {
  const keep = new Uint8Array(errors.length)
  let errorsLeft = errorCount
  let normalLeft = normalCount
  for (let row = 0; row < errors.length; row++) {
    if (errors[row] ? errorsLeft-- > 0 : normalLeft-- > 0) keep[row] = 1
  }
  return keep
}
