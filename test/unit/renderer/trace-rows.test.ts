import { describe, expect, it } from 'vitest'
import type { TraceSummary } from '../../../core/model/records.ts'
import { matchesSummary, mergeNew, toRows } from '../../../renderer/features/traces/derive/rows.ts'

function trace(traceId: string, dur: number, changes: Partial<TraceSummary> = {}): TraceSummary {
  return {
    traceId,
    service: 'cart',
    name: 'POST /cart',
    kind: 'SERVER',
    start: Number(traceId) * 1000,
    dur,
    status: 'UNSET',
    spanCount: 1,
    errorCount: 0,
    services: ['cart'],
    rootMissing: false,
    http: null,
    mostTime: null,
    sampleRate: 1,
    ...changes,
  }
}

describe('rows of the trace list', () => {
  it('scales bars by the logarithm, and marks the P95 of routes with enough traces', () => {
    const rows = toRows([1, 10, 100, 1000, 10_000].map((dur, i) => trace(String(i), dur)))
    expect(rows[0].share).toBeCloseTo(0.02)
    expect(rows[2].share).toBeCloseTo(0.51)
    expect(rows[4].share).toBeCloseTo(1)
    expect(rows[0].tick).toBeCloseTo(1)
    expect(toRows([trace('1', 5)])[0].tick).toBeNull()
  })

  it('puts new traces in front and renews known ones in place', () => {
    const merged = mergeNew([trace('2', 5), trace('1', 5)], [trace('3', 1), trace('1', 9), trace('4', 1)])
    expect(merged.items.map((item) => [item.traceId, item.dur])).toEqual([
      ['4', 1],
      ['3', 1],
      ['2', 5],
      ['1', 9],
    ])
    expect(merged.added).toBe(2)
  })

  it('judges live traces by their summary', () => {
    const failed = trace('1', 2_000_000, { status: 'ERROR', services: ['gateway', 'cart'] })
    const rule = { service: 'gateway', status: 'error', min: 1_000_000, max: null }
    expect(matchesSummary(failed, rule)).toBe(true)
    expect(matchesSummary({ ...failed, status: 'OK' }, rule)).toBe(false)
    expect(matchesSummary({ ...failed, dur: 5 }, rule)).toBe(false)
    expect(matchesSummary({ ...failed, services: ['cart'] }, rule)).toBe(false)
  })
})
