import { GlassboxError } from '../../../base/errors.ts'

/** What the asking thread writes into a query's flag. */
export const STOP = { cancelled: 1, late: 2 } as const

/** The stop sign of one running query: a flag shared with the thread that asked, looked at between pieces of work. */
export class QueryGuard {
  #flag: Int32Array

  constructor(flag: Int32Array) {
    this.#flag = flag
  }

  /** @throws GlassboxError `query_cancelled` or `query_timeout` once the query is no longer wanted */
  check(): void {
    const sign = Atomics.load(this.#flag, 0)
    if (sign !== 0) throw stopError(sign)
  }
}

export function stopError(sign: number): GlassboxError {
  return sign === STOP.cancelled
    ? new GlassboxError('query_cancelled', 'The query was cancelled before it was done.')
    : new GlassboxError('query_timeout', 'The query took longer than its time limit.')
}
