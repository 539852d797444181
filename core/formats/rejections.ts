import type { Rejection } from '../model/columns.ts'

/** Collects what was refused: one entry a reason, with one example. */
export class Rejections {
  #byReason = new Map<string, Rejection>()

  add(reason: string, example: string): void {
    const known = this.#byReason.get(reason)
    if (known) known.count++
    else this.#byReason.set(reason, { reason, count: 1, example })
  }

  list(): Rejection[] {
    return [...this.#byReason.values()]
  }
}
