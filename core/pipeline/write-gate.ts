/** Lets writes pass, or holds them: while the storage engine is exchanged nobody writes, and nothing is lost. */
export class WriteGate {
  #held: Promise<void> | null = null
  #release: () => void = () => undefined
  #passing = new Set<Promise<unknown>>()

  async pass<T>(write: () => Promise<T>): Promise<T> {
    while (this.#held) await this.#held
    const passing = write()
    this.#passing.add(passing)
    try {
      return await passing
    } finally {
      this.#passing.delete(passing)
    }
  }

  /** Resolves once no write is under way; none begins until `release`. */
  async hold(): Promise<void> {
    this.#held ??= new Promise((resolve) => {
      this.#release = resolve
    })
    await Promise.allSettled(this.#passing)
  }

  release(): void {
    this.#held = null
    this.#release()
  }
}
