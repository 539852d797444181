import { GlassboxError } from '../base/errors.ts'
import type { WriteResult } from '../storage/store.ts'
import { bisectWrite, type Write, type WriteBatches } from './bisect-write.ts'
import type { CircuitBreaker } from './breaker.ts'

const mostRows = 16_384
const flushAtRows = 4096

/** Where the writer gets rows from and tells what became of them. */
export interface BatchSource {
  rows(): number
  shift(mostRows: number): WriteBatches
  /** Rows of one write that ended; every row handed out by `shift` is reported once, in exactly one field. */
  written(result: WriteResult, unstorable: { spans: number; logs: number }): void
}

/**
 * Writes what waits: at once when 4096 rows do, else `flushMs` after the first. One write is in flight at a time. A
 * write that failed is tried again as the breaker allows; rows whose own content cannot be stored are found by halving.
 */
export class BatchWriter {
  readonly #source: BatchSource
  readonly #write: Write
  readonly #breaker: CircuitBreaker
  readonly #flushMs: () => number
  readonly #onFailure: (error: Error) => void
  #timer: NodeJS.Timeout | null = null
  #busy = false
  #stopped = false
  #idle: (() => void)[] = []

  constructor(options: {
    source: BatchSource
    write: Write
    breaker: CircuitBreaker
    flushMs: () => number
    onFailure: (error: Error) => void
  }) {
    this.#source = options.source
    this.#write = options.write
    this.#breaker = options.breaker
    this.#flushMs = options.flushMs
    this.#onFailure = options.onFailure
  }

  /** A batch is being written, or waits to be tried again. */
  get busy(): boolean {
    return this.#busy
  }

  /** To be called after rows were added. */
  wake(): void {
    if (this.#busy || this.#stopped) return
    const rows = this.#source.rows()
    if (rows === 0) this.#settle()
    else if (rows >= flushAtRows || this.#idle.length > 0) this.#start()
    else if (!this.#timer) this.#timer = setTimeout(() => this.#start(), this.#flushMs())
  }

  /** Resolves when nothing waits and nothing is being written, without the wait for more rows. */
  drain(): Promise<void> {
    return new Promise((resolve) => {
      this.#idle.push(resolve)
      this.wake()
    })
  }

  /** No write starts any more; one in flight ends by itself. */
  stop(): void {
    this.#stopped = true
    if (this.#timer) clearTimeout(this.#timer)
    this.#settle()
  }

  #start(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#busy || this.#stopped) return
    this.#busy = true
    void this.#run().finally(() => {
      this.#busy = false
      this.wake()
    })
  }

  async #run(): Promise<void> {
    const batches = this.#source.shift(mostRows)
    let contentFailures = 0
    while (!this.#stopped) {
      if (!this.#breaker.tryPass()) {
        await this.#pause(this.#breaker.waitMs())
        continue
      }
      try {
        const result = await this.#write(batches)
        this.#breaker.succeeded()
        this.#source.written(result, { spans: 0, logs: 0 })
        return
      } catch (error) {
        this.#onFailure(error as Error)
        const storageFault = error instanceof GlassboxError && error.code === 'storage_unavailable'
        if (!storageFault) contentFailures++
        // Twice the same refusal that does not blame the storage: look for the rows that cause it.
        if (contentFailures === 2) {
          const { result, unstorable } = await bisectWrite(batches, this.#write)
          this.#breaker.succeeded()
          this.#source.written(result, unstorable)
          return
        }
        this.#breaker.failed()
      }
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      // The clock may be a test's: the timer is an upper bound on how long its jumps go unnoticed.
      setTimeout(resolve, Math.min(Math.max(1, ms), 250))
    })
  }

  #settle(): void {
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }
}
