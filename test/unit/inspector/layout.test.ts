import fc from 'fast-check'
import { expect, it } from 'vitest'
import { idAt, packStructure, unpackStructure } from '../../../core/model/trace-structure.ts'
import { layoutTrace } from '../../../renderer/features/inspector/derive/layout.ts'
import { Lost } from '../../../renderer/features/inspector/derive/parents.ts'
import { makeTrace, type TestSpan } from './make-trace.ts'

const layoutOf = (spans: readonly TestSpan[], correct = false) => layoutTrace(makeTrace(spans), correct)
function tree(spans: readonly TestSpan[]): string[] {
  const trace = makeTrace(spans)
  const { tree: rows } = layoutTrace(trace, false)
  return [...rows.order].map(
    (span, row) => `${'-'.repeat(rows.depth[row])}${Number.parseInt(idAt(trace.spanIds, span), 16)}`,
  )
}

it('puts children under their parents by start', () => {
  expect(
    tree([
      { id: 1, start: 0, dur: 100 },
      { id: 3, parent: 1, start: 30, dur: 10 },
      { id: 2, parent: 1, start: 10, dur: 10 },
      { id: 4, parent: 2, start: 12, dur: 2 },
    ]),
  ).toEqual(['1', '-2', '--4', '-3'])
})

it('counts self time without what children cover, clipped to the span, as pieces', () => {
  const layout = layoutOf([
    { id: 1, start: 0, dur: 100 },
    { id: 2, parent: 1, start: 10, dur: 100 },
    { id: 3, parent: 2, start: 40, dur: 10 },
  ])
  expect([...layout.self.total]).toEqual([10, 90, 10])
  expect([...layout.self.from.slice(layout.self.offset[1], layout.self.offset[2])]).toEqual([10, 50])
  expect([layout.from, layout.to]).toEqual([0, 110])
})

it('shows orphans at the top level and cuts cycles and self-parents', () => {
  const layout = layoutOf([
    { id: 1, parent: 2, start: 0, dur: 1 },
    { id: 2, parent: 1, start: 1, dur: 1 },
    { id: 5, parent: 99, start: 5, dur: 1 },
    { id: 9, parent: 9, start: 9, dur: 1 },
  ])
  expect(layout.tree.order).toHaveLength(4)
  expect([layout.orphans, layout.cycles]).toEqual([1, 2])
  expect(layout.lost[2]).toBe(Lost.orphan)
  expect(layout.lost[3]).toBe(Lost.cycle)
})

it('keeps both of two spans with one id', () => {
  expect(
    tree([
      { id: 1, start: 0, dur: 10 },
      { id: 1, start: 1, dur: 5 },
      { id: 2, parent: 1, start: 2, dur: 1 },
    ]),
  ).toEqual(['1', '-2', '1'])
})

it('lays out a chain of 20,000 spans', () => {
  const spans = Array.from({ length: 20_000 }, (_, i) => ({
    id: i + 1,
    parent: i === 0 ? undefined : i,
    start: i,
    dur: 20_000 - i,
  }))
  const layout = layoutOf(spans)
  expect(layout.tree.depth[19_999]).toBe(19_999)
  expect(layout.critical.total.reduce((sum, one) => sum + one, 0)).toBeCloseTo(20_000)
})

it('every span is one row, above its descendants, whatever the parents (any graph)', () => {
  const graph = fc.array(
    fc.record({
      id: fc.integer({ min: 1, max: 12 }),
      parent: fc.option(fc.integer({ min: 1, max: 14 }), { nil: undefined }),
      start: fc.integer({ min: 0, max: 1000 }),
      dur: fc.integer({ min: 0, max: 1000 }),
      resource: fc.integer({ min: 0, max: 2 }),
      kind: fc.integer({ min: 0, max: 5 }),
    }),
    { maxLength: 40 },
  )
  fc.assert(
    fc.property(graph, fc.boolean(), (spans, correct) => {
      const sorted = [...spans].sort((a, b) => a.start - b.start)
      const layout = layoutOf(sorted, correct)
      expect([...layout.tree.order].sort((a, b) => a - b)).toEqual(sorted.map((_, i) => i))
      for (let span = 0; span < layout.count; span++) {
        const above = layout.parent[span]
        if (above === -1) continue
        const [row, parentRow] = [layout.tree.rowOf[span], layout.tree.rowOf[above]]
        expect(row).toBeGreaterThan(parentRow)
        expect(row).toBeLessThan(layout.tree.end[parentRow])
        expect(layout.self.total[span]).toBeGreaterThanOrEqual(0)
      }
      // Nothing is waited for twice: the path is never longer than the span it explains.
      const path = layout.critical.total.reduce((sum, one) => sum + one, 0)
      if (layout.root >= 0) expect(path).toBeLessThanOrEqual(sorted[layout.root].dur + 1e-6)
    }),
  )
})

it('survives packing', () => {
  const trace = makeTrace([
    { id: 1, start: 0, dur: 10, name: 'GET /ü', events: [{ timeUnixNano: '1700000000000001500', name: 'exception' }] },
    { id: 2, parent: 1, start: 3, dur: 1, durNs: 250, type: 'database', peer: 'cart-db' },
  ])
  const bytes = packStructure(trace)
  expect(unpackStructure(bytes.buffer as ArrayBuffer)).toEqual(trace)
  expect(trace.eventTime[0]).toBe(1.5)
  expect(trace.dur[1]).toBe(1.25)
  expect(() => unpackStructure(new ArrayBuffer(16))).toThrow('not a packed trace')
})
