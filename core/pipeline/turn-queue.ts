/** Runs jobs in order, one a turn of the event loop, so that I/O is served between two of them. */
export class TurnQueue {
  #jobs: (() => void)[] = []
  #running = false

  /** The job's own result or error, once its turn came. */
  run<T>(job: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#jobs.push(() => {
        try {
          resolve(job())
        } catch (error) {
          reject(error)
        }
      })
      if (!this.#running) this.#next()
    })
  }

  #next(): void {
    this.#running = true
    setImmediate(() => {
      this.#jobs.shift()?.()
      if (this.#jobs.length > 0) this.#next()
      else this.#running = false
    })
  }
}
