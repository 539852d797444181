import type { TelemetryBatch } from '../model/columns.ts'
import { errorRows, selectRows } from '../model/select-rows.ts'
import { fairShares } from './fair-shares.ts'

interface Waiting<B> {
  batch: B
  /** 1 = an error row, dropped last. */
  errors: Uint8Array
  /** Rows that are no errors, by service. */
  normal: Map<string, number>
}

/** What became of the rows offered, and of rows that had to leave for them. */
export interface Offer {
  accepted: number
  droppedNormal: number
  droppedErrors: number
  /** Normal rows accepted earlier that gave way to errors, or to a service that had less than its share. */
  evicted: number
}

/**
 * The rows of one signal that wait behind the batch being written, at most `limit` of them. Past the limit normal rows
 * are dropped before errors, and what room errors leave is shared fairly by service: one that floods loses its own rows
 * first, the newest first, and one that sends less than its share loses none.
 */
export class BoundedRowQueue<B extends TelemetryBatch> {
  #waiting: Waiting<B>[] = []
  #rows = 0
  /** Of all that waits, rows that are no errors, by service. */
  #normal = new Map<string, number>()
  #normalRows = 0

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
    // More than the limit may wait, taken while nothing was written: nobody has to leave for that alone.
    const room = Math.max(limit, this.#rows) - (this.#rows - this.#normalRows)
    const keptErrors = Math.min(errorCount, room)
    const wanted = new Map(this.#normal)
    for (const [service, rows] of normalByService(batch, errors)) add(wanted, service, rows)
    const shares = fairShares(wanted, room - keptErrors)
    const evict = new Map<string, number>()
    const admit = new Map<string, number>()
    for (const [service, share] of shares) {
      const held = this.#normal.get(service) ?? 0
      if (held > share) evict.set(service, held - share)
      else admit.set(service, share - held)
    }
    const evicted = this.#evict(evict)
    const keep = choose(batch, errors, keptErrors, (service) => admit.get(service) ?? 0)
    const kept = count(keep)
    if (kept > 0)
      this.#append(
        selectRows(batch, keep),
        errors.filter((_, row) => keep[row] === 1),
      )
    return {
      accepted: kept,
      droppedNormal: batch.n - errorCount - (kept - keptErrors),
      droppedErrors: errorCount - keptErrors,
      evicted,
    }
  }

  /** Hands out whole batches, oldest first, until at least `most` rows are together. */
  shift(most: number): B[] {
    const taken: B[] = []
    let rows = 0
    while (this.#waiting.length > 0 && rows < most) {
      const { batch, normal } = this.#waiting.shift() as Waiting<B>
      taken.push(batch)
      rows += batch.n
      this.#count(normal, -1)
    }
    this.#rows -= rows
    return taken
  }

  #append(batch: B, errors: Uint8Array): void {
    if (batch.n === 0) return
    const normal = normalByService(batch, errors)
    this.#waiting.push({ batch, errors, normal })
    this.#rows += batch.n
    this.#count(normal, 1)
  }

  /** Normal rows come (1) or go (-1). */
  #count(rowsOf: ReadonlyMap<string, number>, sign: 1 | -1): void {
    for (const [service, rows] of rowsOf) {
      this.#normalRows += sign * rows
      if (add(this.#normal, service, sign * rows) === 0) this.#normal.delete(service)
    }
  }

  /** Lets so many normal rows of each service go, the newest first; answers how many went. */
  #evict(left: Map<string, number>): number {
    let total = 0
    for (let i = this.#waiting.length - 1; i >= 0 && left.size > 0; i--) {
      const { batch, errors, normal } = this.#waiting[i]
      const gone = new Map<string, number>()
      for (const [service, rows] of normal) {
        const here = Math.min(left.get(service) ?? 0, rows)
        if (here === 0) continue
        gone.set(service, here)
        if (add(left, service, -here) === 0) left.delete(service)
      }
      if (gone.size === 0) continue
      const keep = choose(batch, errors, batch.n, (service) => (normal.get(service) ?? 0) - (gone.get(service) ?? 0))
      const kept = selectRows(batch, keep)
      const keptErrors = errors.filter((_, row) => keep[row] === 1)
      if (kept.n === 0) this.#waiting.splice(i, 1)
      else this.#waiting[i] = { batch: kept, errors: keptErrors, normal: normalByService(kept, keptErrors) }
      this.#count(gone, -1)
      total += batch.n - kept.n
    }
    this.#rows -= total
    return total
  }
}

function add(counts: Map<string, number>, name: string, rows: number): number {
  const sum = (counts.get(name) ?? 0) + rows
  counts.set(name, sum)
  return sum
}

function count(mask: Uint8Array): number {
  let total = 0
  for (const bit of mask) total += bit
  return total
}

function normalByService(batch: TelemetryBatch, errors: Uint8Array): Map<string, number> {
  const perResource = new Uint32Array(batch.resources.length)
  for (let row = 0; row < batch.n; row++) if (errors[row] === 0) perResource[batch.resource[row]]++
  const counts = new Map<string, number>()
  perResource.forEach((rows, i) => {
    if (rows > 0) add(counts, batch.resources[i].service, rows)
  })
  return counts
}

/** Marks the first `errorCount` errors, and of each service as many normal rows as `most` says. */
function choose(
  batch: TelemetryBatch,
  errors: Uint8Array,
  errorCount: number,
  most: (service: string) => number,
): Uint8Array {
  const keep = new Uint8Array(batch.n)
  const left = new Map<string, number>()
  const services = batch.resources.map(({ service }) => service)
  for (const service of services) left.set(service, most(service))
  let errorsLeft = errorCount
  for (let row = 0; row < batch.n; row++) {
    if (errors[row]) keep[row] = errorsLeft-- > 0 ? 1 : 0
    else keep[row] = add(left, services[batch.resource[row]], -1) >= 0 ? 1 : 0
  }
  return keep
}
