import { GlassboxError } from '../../base/errors.ts'

/** What the asking thread writes into a query's flag. */
export const STOP = { cancelled: 1, late: 2 } as const

export function stopError(sign: number): GlassboxError {
  return sign === STOP.late
    ? new GlassboxError('query_timeout', 'query timed out in expression evaluation')
    : new GlassboxError('query_cancelled', 'query was canceled in expression evaluation')
}
