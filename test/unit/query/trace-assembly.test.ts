import { describe, expect, it } from 'vitest'
import {
  type AssemblySpan,
  countOrphans,
  dedupeSpans,
  findRoot,
  selfTimes,
  summarize,
} from '../../../core/query/trace-assembly.ts'

function span(spanId: string, parentId: string | null, start: number, dur: number, more = {}): AssemblySpan {
  return { spanId, parentId, service: 'shop', name: spanId, kind: 2, start, dur, status: 0, sampleRate: 1, ...more }
}
const nothing = () => () => null

describe('trace assembly', () => {
  it('takes the union of children, clipped to the parent, out of its own time', () => {
    const spans = [
      span('root', null, 0, 100),
      span('a', 'root', 10, 30),
      span('b', 'root', 20, 40),
      span('late', 'root', 90, 50),
      span('early', 'root', -20, 25),
      span('inner', 'a', 12, 3),
    ]
    expect([...selfTimes(spans)]).toEqual([100 - 50 - 10 - 5, 27, 40, 50, 25, 3])
  })

  it('keeps a retried span once and both halves of a shared one', () => {
    const spans = [span('a', null, 1, 2), span('a', null, 1, 2), span('a', null, 1, 2, { kind: 3 })]
    expect(dedupeSpans(spans)).toHaveLength(2)
  })

  it('survives cycles and spans that are their own parent', () => {
    const spans = [span('a', 'b', 5, 10), span('b', 'a', 3, 10), span('c', 'c', 4, 1)]
    const summary = summarize('t', spans, nothing)
    expect(summary).toMatchObject({ rootMissing: true, name: 'b', start: 3, dur: 12, spanCount: 3 })
    expect(countOrphans(spans)).toBe(1)
  })

  it('takes the oldest span while the root is missing, and the root when it is there', () => {
    const orphan = span('x', 'gone', 1, 1)
    expect(findRoot([span('y', 'gone', 2, 1), orphan])).toEqual({ root: orphan, missing: true })
    const root = span('r', null, 9, 1)
    expect(findRoot([orphan, root])).toEqual({ root, missing: false })
    expect(countOrphans([orphan, root])).toBe(1)
  })

  it('says what a trace is like', () => {
    const spans = [
      span('root', null, 0, 1000, { status: 1, sampleRate: 4 }),
      span('q1', 'root', 0, 400, { service: 'db', name: 'select' }),
      span('q2', 'root', 400, 400, { service: 'db', name: 'select', status: 2 }),
    ]
    const attributes: Record<string, string> = {
      'http.method': 'GET',
      'http.target': '/a?b=c',
      'http.status_code': '502',
    }
    const summary = summarize('t', spans, () => (key) => attributes[key] ?? null)
    expect(summary).toEqual({
      traceId: 't',
      service: 'shop',
      name: 'root',
      kind: 'SERVER',
      start: 0,
      dur: 1000,
      status: 'ERROR',
      spanCount: 3,
      errorCount: 1,
      services: ['db', 'shop'],
      rootMissing: false,
      http: { method: 'GET', route: '/a', statusCode: 502 },
      mostTime: { service: 'db', name: 'select', count: 2, share: 0.8 },
      sampleRate: 4,
    })
  })

  it('assembles 200,000 spans', () => {
    const spans = Array.from({ length: 200_000 }, (_, i) =>
      span(`s${i}`, i === 0 ? null : `s${i - 1}`, i, 400_000 - 2 * i),
    )
    const summary = summarize('t', spans, nothing)
    expect(summary.spanCount).toBe(200_000)
    expect(selfTimes(spans)[0]).toBe(400_000 - 399_998 + 0)
  })
})
