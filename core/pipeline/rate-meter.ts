/** Counts events and answers the rate of the last whole window. */
export class RateMeter {
  #count = 0
  #perSecond = 0

  get perSecond(): number {
    return this.#perSecond
  }

  add(count: number): void {
    this.#count += count
  }

  /** Ends a window that took `elapsedMs`. */
  tick(elapsedMs: number): number {
    this.#perSecond = elapsedMs > 0 ? Math.round((this.#count * 1000) / elapsedMs) : 0
    this.#count = 0
    return this.#perSecond
  }
}
