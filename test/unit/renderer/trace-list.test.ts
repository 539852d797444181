import { describe, expect, it } from 'vitest'
import type { TraceSummary } from '../../../core/model/records.ts'
import { gridTemplate, readColumns, writeColumns } from '../../../renderer/features/traces/derive/columns.ts'
import { exportRows } from '../../../renderer/features/traces/derive/export-rows.ts'
import { healthChecks } from '../../../renderer/features/traces/derive/health-checks.ts'
import { toRows } from '../../../renderer/features/traces/derive/rows.ts'

function summary(name: string, more: Partial<TraceSummary> = {}): TraceSummary {
  return {
    traceId: '5b8efff798038103d269b633813fc60c',
    service: 'cart',
    name,
    kind: 'SERVER',
    start: 1_764_000_000_123_456,
    dur: 1000,
    status: 'OK',
    spanCount: 3,
    errorCount: 0,
    services: ['cart', 'db'],
    rootMissing: false,
    http: null,
    mostTime: null,
    sampleRate: 1,
    ...more,
  }
}

describe('trace list', () => {
  it('reads columns from the address, whatever stands there', () => {
    expect(readColumns('id,nonsense,latency,id')).toEqual(['request', 'id', 'latency'])
    expect(writeColumns(readColumns(''))).toBeUndefined()
    expect(writeColumns(readColumns('request,errors'))).toBe('request,errors')
    expect(gridTemplate(['request', 'errors'], 'wide')).toBe('minmax(140px, 1fr) 72px')
  })

  it('writes CSV that a spreadsheet does not run, and JSON lines that read back', () => {
    const traces = [
      summary('=cmd()'),
      summary('GET "/a,b"\n', { http: { method: 'GET', route: '/a', statusCode: 200 } }),
    ]
    const [head, first, ...rest] = exportRows(traces, 'csv').split('\r\n')
    expect(head.split(',').slice(0, 3)).toEqual(['trace_id', 'start', 'duration_us'])
    expect(first).toBe(
      "5b8efff798038103d269b633813fc60c,2025-11-24T16:00:00.123456Z,1000,OK,cart,'=cmd(),,,,3,0,cart db",
    )
    expect(rest.join('\r\n')).toContain('"GET ""/a,b""\n",GET,/a,200')
    expect(
      exportRows(traces, 'jsonl')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as TraceSummary),
    ).toEqual(traces)
  })

  it('offers to hide health checks once they are more than 30 % of the list', () => {
    const many = [
      ...Array.from({ length: 4 }, () =>
        summary('GET /healthz', { http: { method: 'GET', route: '/healthz', statusCode: 200 } }),
      ),
      ...Array.from({ length: 6 }, () => summary('POST /cart')),
    ]
    expect(healthChecks(many)).toEqual({
      share: 0.4,
      terms: [{ negated: true, key: 'http.route', op: '=', value: '/healthz' }],
    })
    expect(healthChecks(many.slice(1))).toBeNull()
    expect(healthChecks([...many.slice(2), summary('alive at last')])).toBeNull()
  })

  it('takes the tick from the whole range where it is known', () => {
    const rows = toRows([summary('a', { dur: 100 }), summary('a', { dur: 10_000 })], new Map([['a', 1000]]))
    expect(rows[0].tick).toBeCloseTo(0.51)
    expect(toRows([summary('a')])[0].tick).toBeNull()
  })
})
