import { expect, it } from 'vitest'
import { compareTraces, deltaBar, medianBy } from '../../../renderer/features/inspector/derive/compare.ts'
import { findCulprit } from '../../../renderer/features/inspector/derive/culprit.ts'
import { findSpans } from '../../../renderer/features/inspector/derive/find.ts'
import { flameBoxes, flameGraph } from '../../../renderer/features/inspector/derive/flame.ts'
import { layoutTrace } from '../../../renderer/features/inspector/derive/layout.ts'
import { odditiesOf } from '../../../renderer/features/inspector/derive/line-text.ts'
import { operationsOf, ownerShares } from '../../../renderer/features/inspector/derive/operations.ts'
import { serviceGraph } from '../../../renderer/features/inspector/derive/service-graph.ts'
import {
  clampWindow,
  parseWindow,
  tickText,
  windowText,
  windowTicks,
  zoomWindow,
} from '../../../renderer/features/inspector/derive/time-window.ts'
import {
  collapseAtLevel,
  keepWithAncestors,
  Line,
  type LineChoice,
  longSpans,
  visibleLines,
} from '../../../renderer/features/inspector/derive/visible-rows.ts'
import { contentHeight, rowsInSight, scrollTopFor, TALLEST } from '../../../renderer/ui/row-window.ts'
import { makeTrace, type TestSpan } from './make-trace.ts'

const all: LineChoice = { collapsed: new Set(), opened: new Set(), group: true, keep: null, logs: new Map() }
/** A page that asks the database seven times in a row. */
function nPlusOne(calls: number): TestSpan[] {
  return [
    { id: 1, start: 0, dur: 1000, name: 'GET /', service: 'web', kind: 2 },
    { id: 2, parent: 1, start: 10, dur: 20, name: 'auth', service: 'web' },
    ...Array.from({ length: calls }, (_, i) => ({
      id: 10 + i,
      parent: 1,
      start: 100 + i * 100,
      dur: 90,
      name: 'query',
      service: 'web',
      kind: 3,
      type: 'database' as const,
      peer: 'db',
    })),
  ]
}
const load = (spans: readonly TestSpan[]) => {
  const trace = makeTrace(spans)
  return { trace, layout: layoutTrace(trace, true) }
}

it('folds equal siblings into one line, opens them one level deeper, and not at all when that is off', () => {
  const { layout } = load(nPlusOne(7))
  const kinds = (choice: Partial<LineChoice>) => [...visibleLines(layout, { ...all, ...choice }).kind]
  expect(kinds({})).toEqual([Line.span, Line.span, Line.folded])
  expect(kinds({ group: false })).toEqual(Array(9).fill(Line.span))
  const opened = visibleLines(layout, { ...all, opened: new Set([0]) })
  expect([...opened.kind]).toEqual([Line.span, Line.span, Line.opened, ...Array(7).fill(Line.span)])
  expect([...opened.depth]).toEqual([0, 1, 1, 2, 2, 2, 2, 2, 2, 2])
  expect(layout.groups[0]).toMatchObject({ sum: 630, max: 90, p50: 90, sequential: true })
  expect(load(nPlusOne(4)).layout.groups).toEqual([])
})

it('hides what lies below a collapsed row or level, and keeps ancestors of what is kept', () => {
  const { layout } = load([
    { id: 1, start: 0, dur: 10 },
    { id: 2, parent: 1, start: 1, dur: 5 },
    { id: 3, parent: 2, start: 2, dur: 1 },
    { id: 4, start: 20, dur: 1 },
  ])
  const rows = (choice: Partial<LineChoice>) => [...visibleLines(layout, { ...all, ...choice }).ref]
  expect(rows({ collapsed: new Set([0]) })).toEqual([0, 3])
  expect(rows({ collapsed: collapseAtLevel(layout, 1) })).toEqual([0, 1, 3])
  expect(rows({ keep: keepWithAncestors(layout, [2]) })).toEqual([0, 1, 2])
})

it('puts log lines under their span, the first few, and counts the rest', () => {
  const { layout } = load(nPlusOne(7))
  const lines = visibleLines(layout, {
    ...all,
    logs: new Map([
      [0, [0]],
      [4, [1, 2, 3, 4, 5]],
    ]),
  })
  expect([...lines.kind]).toEqual([
    Line.span,
    Line.log,
    Line.span,
    Line.folded,
    Line.log,
    Line.log,
    Line.log,
    Line.moreLogs,
  ])
  expect(lines.ref.at(-1)).toBe(2)
})

it('keeps a group that is long in all, though none of its members is', () => {
  const { trace, layout } = load(nPlusOne(7))
  expect(longSpans(layout, trace.dur, 0.5)).toContain(3)
  expect(longSpans(layout, trace.dur, 0.5)).not.toContain(1)
})

it('names the culprit and suspects N+1 only where calls of one parent follow each other', () => {
  const { trace, layout } = load(nPlusOne(7))
  const operations = operationsOf(trace, layout)
  const culprit = findCulprit(trace, layout, operations)
  expect(culprit).toMatchObject({ share: 0.63, how: 'sequential', suspectNPlusOne: true })
  expect(culprit?.operation).toMatchObject({ name: 'query', owner: 'db', count: 7, self: 630, max: 90 })
  expect(ownerShares(operations).map((one) => one.owner)).toEqual(['db', 'web'])
  const parallel = nPlusOne(20).map((span) => (span.name === 'query' ? { ...span, start: 100 } : span))
  const side = load(parallel)
  expect(findCulprit(side.trace, side.layout, operationsOf(side.trace, side.layout))).toMatchObject({
    how: 'parallel',
    suspectNPlusOne: false,
  })
  const none = load([])
  expect(findCulprit(none.trace, none.layout, [])).toBeNull()
})

it('finds in names, services and ids, and takes what was found elsewhere', () => {
  const { trace } = load(nPlusOne(7))
  expect(findSpans(trace, 'AUTH', [])).toEqual([1])
  expect(findSpans(trace, '0000000000000010', [])).toEqual([8])
  expect(findSpans(trace, 'nothing', [4])).toEqual([4])
  expect(findSpans(trace, '  ', [4])).toEqual([])
})

it('merges the flame graph by name; widths are own times and fill their parent', () => {
  const { trace, layout } = load(nPlusOne(7))
  const root = flameGraph(trace, layout)
  expect(root.children).toMatchObject([{ name: 'GET /', value: 1000, self: 350, count: 1 }])
  expect(root.children[0].children.map((node) => [node.name, node.count, node.value])).toEqual([
    ['query', 7, 630],
    ['auth', 1, 20],
  ])
  const boxes = flameBoxes(root, root.children[0].children[0], 0)
  expect(boxes.map((box) => [box.node.name, box.line, box.width])).toEqual([
    ['GET /', 0, 1],
    ['query', 1, 1],
  ])
})

it('draws databases as nodes of their own', () => {
  const { trace, layout } = load(nPlusOne(7))
  const graph = serviceGraph(trace, layout)
  expect(graph.nodes.map((node) => [node.name, node.column, node.square])).toEqual([
    ['web', 0, false],
    ['db', 1, true],
  ])
  expect(graph.edges).toMatchObject([{ from: 'web', to: 'db', calls: 7, time: 630 }])
})

it('compares by service, name and way from the top', () => {
  const a = load(nPlusOne(7))
  const b = load([...nPlusOne(1), { id: 99, parent: 1, start: 5, dur: 3, name: 'cache', service: 'web' }])
  const found = compareTraces(a, b)
  expect(found.rows.map((row) => [row.name, row.a?.count ?? 0, row.b?.count ?? 0, row.delta])).toEqual([
    ['GET /', 1, 1, 0],
    ['auth', 1, 1, 0],
    ['query', 7, 1, 540],
    ['cache', 0, 1, -3],
  ])
  expect([found.added, found.missing]).toEqual([0, 1])
  expect(found.culprit?.name).toBe('query')
  expect(deltaBar(-25, 100)).toBe(-0.5)
  expect(medianBy([5, 1, 9], (one) => one)).toBe(5)
  expect(medianBy([], () => 0)).toBeNull()
})

it('says what is odd about a span', () => {
  const { trace, layout } = load([
    { id: 1, start: 0, dur: 10 },
    { id: 2, parent: 1, start: 5, dur: 50 },
    { id: 3, parent: 1, start: 20, dur: 1, marks: 2 },
    { id: 4, parent: 77, start: 30, dur: 1 },
  ])
  expect([0, 1, 2, 3].map((span) => odditiesOf(trace, layout, span))).toEqual([
    [],
    ['outlives'],
    ['unfinished', 'late'],
    ['orphan'],
  ])
})

it('windows rows by arithmetic, also beyond what a browser can lay out', () => {
  expect(rowsInSight(50, 100, 1000, 24)).toEqual({ first: 2, shift: 2, count: 5 })
  expect(rowsInSight(1e9, 100, 10, 24)).toEqual({ first: 5, shift: 20, count: 5 })
  expect(rowsInSight(0, 100, 0, 24)).toEqual({ first: 0, shift: 0, count: 0 })
  const many = 3_000_000
  expect(contentHeight(many, 24)).toBe(TALLEST)
  const last = rowsInSight(TALLEST, 480, many, 24)
  expect(last.first + last.count).toBe(many)
  expect(scrollTopFor(5, 0, 480, 1000, 24)).toBeNull()
  expect(scrollTopFor(100, 0, 480, 1000, 24)).toBe(100 * 24 + 48 - 480)
})

it('zooms and pans inside the trace, and keeps the window in the address', () => {
  const whole = { from: 0, to: 1000 }
  expect(zoomWindow(whole, 0.5, 500, whole)).toEqual({ from: 250, to: 750 })
  expect(zoomWindow({ from: 0, to: 100 }, 0.5, 0, whole)).toEqual({ from: 0, to: 50 })
  expect(clampWindow({ from: 900, to: 1100 }, whole)).toEqual({ from: 800, to: 1000 })
  expect(parseWindow(windowText({ from: 1.25, to: 99 }), whole)).toEqual({ from: 1.25, to: 99 })
  for (const wrong of ['', 'x', '5,1', '1,2,3', null]) expect(parseWindow(wrong, whole)).toBeNull()
  expect(windowTicks({ from: 0, to: 2310 }, 5)).toEqual([0, 500, 1000, 1500, 2000])
  expect([0, 5e5, 2e6].map((us) => tickText(us, 5e5, 2.3e6))).toEqual(['0', '0.5 s', '2.0 s'])
})
