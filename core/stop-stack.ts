/** Parts that were started, stopped in reverse order; one that fails to stop does not keep the others from it. */
export class StopStack {
  #parts: { name: string; stop(): unknown }[] = []
  onFailure: (part: string, error: Error) => void = () => undefined

  add(name: string, stop: () => unknown): void {
    this.#parts.push({ name, stop })
  }

  async stopAll(): Promise<void> {
    for (let part = this.#parts.pop(); part; part = this.#parts.pop()) {
      try {
        await part.stop()
      } catch (error) {
        this.onFailure(part.name, error as Error)
      }
    }
  }
}
