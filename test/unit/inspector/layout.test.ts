import { expect, it } from 'vitest'
import type { SpanRecord } from '../../../core/model/records.ts'
import { layoutTrace, rulerTicks, visibleRows } from '../../../renderer/features/inspector/derive/layout.ts'

function span(spanId: string, parentId: string | null, start: number, dur: number): SpanRecord {
  return {
    traceId: '1'.repeat(32),
    spanId,
    parentId,
    name: spanId,
    kind: 'INTERNAL',
    start,
    startNs: 0,
    dur,
    durNs: 0,
    status: 'UNSET',
    statusMessage: '',
    service: 'cart',
    resource: 0,
    scope: 0,
    attributes: [],
    events: [],
    links: [],
    traceState: '',
    flags: 0,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
    marks: 0,
    sampleRate: 1,
  }
}
const names = (spans: SpanRecord[]) =>
  layoutTrace(spans).rows.map((row) => `${'-'.repeat(row.depth)}${row.span.spanId}`)

it('puts children under their parents by start', () => {
  expect(
    names([span('c', 'a', 30, 10), span('a', null, 0, 100), span('b', 'a', 10, 10), span('d', 'b', 12, 2)]),
  ).toEqual(['a', '-b', '--d', '-c'])
})

it('counts self time without what children cover, clipped to the span', () => {
  const { rows, start, end } = layoutTrace([span('a', null, 0, 100), span('b', 'a', 10, 100), span('c', 'b', 40, 10)])
  expect(rows.map((row) => row.self)).toEqual([10, 90, 10])
  expect([start, end]).toEqual([0, 110])
})

it('shows orphans at the top level and ends on cycles and self-parents', () => {
  const layout = layoutTrace([
    span('x', 'gone', 5, 1),
    span('a', 'b', 0, 1),
    span('b', 'a', 1, 1),
    span('s', 's', 9, 1),
  ])
  expect(layout.rows).toHaveLength(4)
  expect(layout.orphans).toBe(1)
  expect(layout.rows.find((row) => row.span.spanId === 'x')?.orphan).toBe(true)
})

it('keeps both of two spans with one id', () => {
  expect(layoutTrace([span('a', null, 0, 10), span('a', null, 1, 5), span('b', 'a', 2, 1)]).rows).toHaveLength(3)
})

it('hides what lies below a collapsed row', () => {
  const { rows } = layoutTrace([
    span('a', null, 0, 10),
    span('b', 'a', 1, 5),
    span('c', 'b', 2, 1),
    span('d', null, 20, 1),
  ])
  expect(visibleRows(rows, new Set([0])).map((at) => rows[at].span.spanId)).toEqual(['a', 'd'])
})

it('lays out a chain of 20,000 spans', () => {
  const spans = Array.from({ length: 20_000 }, (_, i) => span(`s${i}`, i === 0 ? null : `s${i - 1}`, i, 20_000 - i))
  expect(layoutTrace(spans).rows).toHaveLength(20_000)
})

it('chooses round ticks', () => {
  expect(rulerTicks(2310, 5)).toEqual([0, 500, 1000, 1500, 2000])
  expect(rulerTicks(0, 5)).toEqual([0])
})
