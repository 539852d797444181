import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'

/** Rows that were accepted and not yet stored (or counted otherwise), by signal. */
export interface Unfinished {
  traces: number
  logs: number
  /** Points of metrics: taken, and not yet in the log of the storage engine. */
  metrics: number
}

/** What a crash took; `atUs` is when the journal was last written, wall clock µs. */
export interface CrashLoss extends Unfinished {
  atUs: number
}

const recordBytes = 256

/**
 * The run journal: one small record, overwritten in place, of how many rows are accepted but not stored. It is there
 * only while the host runs; the next start reads what a crash left in it. It is never synced: it outlives the
 * process, not the machine. A journal that cannot be written never stops the product.
 */
export class RunJournal {
  readonly #file: string
  readonly #onProblem: (problem: string) => void
  #fd: number | null = null
  #written = ''

  constructor(file: string, onProblem: (problem: string) => void) {
    this.#file = file
    this.#onProblem = onProblem
  }

  /** Reads what the last run left and starts a new record. Null after a clean stop. */
  open(nowUs: number): CrashLoss | null {
    const loss = readLoss(this.#file)
    try {
      this.#fd = openSync(this.#file, 'w', 0o600)
      this.write({ traces: 0, logs: 0, metrics: 0 }, nowUs)
    } catch (error) {
      this.#fail(error)
    }
    return loss
  }

  /** Replaces the record; a no-op while the counts stay the same. */
  write(unfinished: Unfinished, nowUs: number): void {
    if (this.#fd === null) return
    const { traces, logs, metrics } = unfinished
    const counts = `${traces} ${logs} ${metrics}`
    if (counts === this.#written) return
    this.#written = counts
    const record = JSON.stringify({ traces, logs, metrics, atUs: nowUs })
    try {
      writeSync(this.#fd, `${record.padEnd(recordBytes - 1)}\n`, 0)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The clean end: nothing is left to report. */
  remove(): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
    rmSync(this.#file, { force: true })
  }

  #fail(error: unknown): void {
    if (this.#fd !== null) closeSync(this.#fd)
    this.#fd = null
    this.#onProblem(`the run journal cannot be written, a crash would not be counted: ${(error as Error).message}`)
  }
}

function readLoss(file: string): CrashLoss | null {
  try {
    // An older version counted no metrics.
    const record = { metrics: 0, ...(JSON.parse(readFileSync(file, 'utf8')) as Partial<CrashLoss>) } as CrashLoss
    if (![record.traces, record.logs, record.metrics, record.atUs].every(Number.isSafeInteger)) return null
    return record.traces + record.logs + record.metrics > 0 ? record : null
  } catch {
    return null
  }
}
