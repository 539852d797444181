/** Counts of one signal; spans, records or points. received = stored + rejected + dropped + sampledOut + waiting. */
export interface SignalLedger {
  received: number
  stored: number
  rejected: Record<string, number>
  dropped: Record<string, number>
  sampledOut: number
  waiting: number
  /** What the last crash took: accepted but not stored when the process died. */
  lost: number
}

export type Ledger = Record<'traces' | 'logs' | 'metrics', SignalLedger>

export function emptyLedger(): Ledger {
  const one = (): SignalLedger => ({
    received: 0,
    stored: 0,
    rejected: {},
    dropped: {},
    sampledOut: 0,
    waiting: 0,
    lost: 0,
  })
  return { traces: one(), logs: one(), metrics: one() }
}
