import { type SpanBatch, SpanMark } from '../../model/columns.ts'
import type { SpanRecord } from '../../model/records.ts'

/** Below this many µs a "ns" time was really sent in µs or ms (1e17 ns is 1973). */
const SUSPECT_BELOW_US = 1e14
const AHEAD_US = 10 * 60 * 1e6

export interface Micros {
  us: number
  /** ns below the µs. */
  ns: number
}

/** Splits unsigned 64-bit ns, given as two halves, exactly: 2^32 = 4,294,967 × 1000 + 296. */
export function splitNanos(high: number, low: number): Micros {
  const rest = high * 296 + low
  return { us: high * 4_294_967 + Math.floor(rest / 1000), ns: rest % 1000 }
}

/** Splits a decimal or bigint ns value. */
export function splitBigNanos(value: bigint): Micros {
  return { us: Number(value / 1000n), ns: Number(value % 1000n) }
}

/** Start and end in ns as they were sent; 0 = unknown. An end before its start comes back as the start. */
export function spanNanos(span: Pick<SpanRecord, 'start' | 'startNs' | 'dur' | 'durNs' | 'marks'>): {
  start: bigint
  end: bigint
} {
  const start = BigInt(span.start) * 1000n + BigInt(span.startNs)
  const end = start + BigInt(span.dur) * 1000n + BigInt(span.durNs)
  return {
    start: (span.marks & SpanMark.startUnknown) !== 0 ? 0n : start,
    end: (span.marks & SpanMark.unfinished) !== 0 ? 0n : end,
  }
}

type TimeColumns = Pick<SpanBatch, 'startUs' | 'startNs' | 'durUs' | 'durNs' | 'marks'>

/** Writes start and duration of row `at` and marks what is odd about them; times are never repaired in silence. */
export function setSpanTimes(columns: TimeColumns, at: number, start: Micros, end: Micros, receivedUs: number): void {
  let marks = columns.marks[at]
  columns.durUs[at] = 0
  columns.durNs[at] = 0
  if (start.us === 0 && start.ns === 0) {
    marks |= SpanMark.startUnknown
    const ended = end.us !== 0 || end.ns !== 0
    columns.startUs[at] = ended ? end.us : receivedUs
    columns.startNs[at] = ended ? end.ns : 0
    if (!ended) marks |= SpanMark.unfinished
  } else {
    columns.startUs[at] = start.us
    columns.startNs[at] = start.ns
    if (start.us < SUSPECT_BELOW_US || start.us > receivedUs + AHEAD_US) marks |= SpanMark.suspectTime
    const borrow = end.ns < start.ns ? 1 : 0
    const dur = end.us - start.us - borrow
    if (end.us === 0 && end.ns === 0) marks |= SpanMark.unfinished
    else if (dur < 0) marks |= SpanMark.endBeforeStart
    else {
      columns.durUs[at] = dur
      columns.durNs[at] = end.ns - start.ns + borrow * 1000
    }
  }
  columns.marks[at] = marks
}
