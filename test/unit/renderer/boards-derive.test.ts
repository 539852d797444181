import { describe, expect, it } from 'vitest'
import type { BoardVariable } from '../../../core/model/board.ts'
import { compactCells, placeBelow, placeCell } from '../../../renderer/features/boards/derive/grid.ts'
import { interpolate, usedVariables, type VariableValue } from '../../../renderer/features/boards/derive/interpolate.ts'
import { emptyBoard, newPanel } from '../../../renderer/features/boards/derive/new-panel.ts'
import { gaugeEnds, levelOf, reduceValues } from '../../../renderer/features/boards/derive/reduce.ts'
import { cutRepeats, repeatedPanels } from '../../../renderer/features/boards/derive/repeat.ts'
import {
  ALL,
  applyRegex,
  chosenValues,
  listedValues,
  readValuesQuery,
} from '../../../renderer/features/boards/derive/variable-query.ts'
import { readUnit, valueText } from '../../../renderer/features/metrics/derive/unit.ts'

const cell = (id: string, x: number, y: number, w: number, h: number) => ({ id, x, y, w, h })
const places = (cells: { id: string; x: number; y: number; w: number; h: number }[]): string[] =>
  cells.map(({ id, x, y, w, h }) => `${id} ${x},${y} ${w}x${h}`)

describe('the grid', () => {
  it('closes gaps and lets nothing lie on another', () => {
    expect(places(compactCells([cell('a', 0, 5, 12, 4), cell('b', 12, 7, 12, 4), cell('c', 0, 20, 24, 2)]))).toEqual([
      'a 0,0 12x4',
      'b 12,0 12x4',
      'c 0,4 24x2',
    ])
    expect(places(compactCells([cell('a', 0, 0, 12, 4), cell('b', 6, 0, 12, 4)]))).toEqual(['a 0,0 12x4', 'b 6,4 12x4'])
    expect(places(compactCells([cell('a', 20, 0, 30, 4)]))).toEqual(['a 0,0 24x4'])
  })

  it('moves past neighbours in every direction and keeps the edges', () => {
    const two = [cell('a', 0, 0, 12, 4), cell('b', 0, 4, 12, 6)]
    expect(places(placeCell(two, 'a', { y: 1 }))).toEqual(['a 0,6 12x4', 'b 0,0 12x6'])
    expect(places(placeCell(two, 'b', { y: 3 }))).toEqual(['a 0,6 12x4', 'b 0,0 12x6'])
    expect(places(placeCell(two, 'a', { x: -1 }))).toEqual(places(two))
    expect(places(placeCell(two, 'a', { x: 14 }))).toEqual(['a 12,0 12x4', 'b 0,0 12x6'])
    expect(places(placeCell([cell('a', 0, 0, 12, 4), cell('b', 12, 0, 12, 4)], 'a', { w: 13 }))).toEqual([
      'a 0,0 13x4',
      'b 12,4 12x4',
    ])
    expect(places(placeCell([cell('a', 0, 0, 1, 1)], 'a', { w: 0, h: 0 }))).toEqual(['a 0,0 1x1'])
    expect(placeBelow(two)).toEqual({ x: 0, y: 10 })
  })
})

describe('variables in expressions', () => {
  const times = { start: 0, end: 3600e6, step: 15 }
  const value = (more: Partial<VariableValue>): VariableValue => ({
    values: [],
    all: false,
    allValue: '',
    many: false,
    ...more,
  })
  const put = (text: string, entries: Record<string, VariableValue> = {}) =>
    interpolate(text, new Map(Object.entries(entries)), times)

  it('come in every way of writing', () => {
    const job = value({ values: ['a'] })
    expect(put('up{a="$job",b="${job}",c="[[job]]",d="$jobs"}', { job })).toEqual({
      text: 'up{a="a",b="a",c="a",d="$jobs"}',
      unresolved: ['jobs'],
    })
    expect(put('label_replace(up, "x", "$1", "y", "(.*)")').unresolved).toEqual([])
    expect(usedVariables('label_values(up{job=~"$job", x="${y:regex}"}, z)')).toEqual(['job', 'y'])
  })

  it('are escaped as patterns where several may be chosen', () => {
    expect(put('{a=~"$v"}', { v: value({ values: ['a.b', 'c"d'], many: true }) }).text).toBe('{a=~"(a\\\\.b|c\\"d)"}')
    expect(put('{a=~"$v"}', { v: value({ values: ['a.b'], many: true }) }).text).toBe('{a=~"a\\\\.b"}')
    expect(put('{a="$v"}', { v: value({ values: ['a.b"'] }) }).text).toBe('{a="a.b\\""}')
    expect(put('${v:csv} ${v:pipe} ${v:raw} ${v:glob}', { v: value({ values: ['a', 'b'], many: true }) }).text).toBe(
      'a,b a|b a,b {a,b}',
    )
  })

  it('stand for all there is, or for what "all" is said to be', () => {
    const all = { values: ['a', 'b'], all: true, many: true }
    expect(put('{x=~"$v"}', { v: value(all) }).text).toBe('{x=~"(a|b)"}')
    expect(put('{x=~"$v"}', { v: value({ ...all, allValue: '.+' }) }).text).toBe('{x=~".+"}')
  })

  it('know the macros of times', () => {
    expect(put('a[$__interval] b[$__rate_interval] c[$__range] $__interval_ms $__range_s $__from ${__to}').text).toBe(
      'a[15s] b[1m] c[3600s] 15000 3600 0 3600000',
    )
    expect(interpolate('[$__rate_interval]', new Map(), { ...times, step: 120 }).text).toBe('[135s]')
  })
})

describe('choices of variables', () => {
  const variable = (more: Partial<BoardVariable>): BoardVariable => ({
    name: 'v',
    label: '',
    kind: 'query',
    query: '',
    regex: '',
    multi: false,
    includeAll: false,
    allValue: '',
    value: [],
    ...more,
  })

  it('are asked for as the query says', () => {
    expect(readValuesQuery('label_values(job)')).toEqual({ kind: 'labelValues', label: 'job', selector: null })
    expect(readValuesQuery('label_values(up{a=~"x,y", b="}"}, instance )')).toEqual({
      kind: 'labelValues',
      label: 'instance',
      selector: 'up{a=~"x,y", b="}"}',
    })
    expect(readValuesQuery('query_result(topk(3, up))')).toEqual({ kind: 'queryResult', expr: 'topk(3, up)' })
    expect(readValuesQuery('metrics(node_.*)')).toEqual({ kind: 'metrics', pattern: 'node_.*' })
    expect(readValuesQuery('label_names()')).toEqual({ kind: 'labelNames', selector: null })
    for (const odd of ['up{a="b"}', 'label_values(up, a b)', 'query_result()']) expect(readValuesQuery(odd)).toBeNull()
  })

  it('are kept and cut by a pattern', () => {
    expect(applyRegex(['node-1', 'node-2', 'web'], '/node-(\\d)/')).toEqual(['1', '2'])
    expect(applyRegex(['a', 'b', 'a'], '')).toEqual(['a', 'b'])
    expect(applyRegex(['A1', 'b2'], '/^a(?<value>.)$/i')).toEqual(['1'])
    expect(applyRegex(['a', 'b'], '/(/')).toEqual(['a', 'b'])
  })

  it('fall back to what is there, but never drop what the address asks for', () => {
    expect(chosenValues(variable({ value: ['gone'] }), [], ['x', 'y'])).toEqual(['x'])
    expect(chosenValues(variable({ value: ['y'] }), [], ['x', 'y'])).toEqual(['y'])
    expect(chosenValues(variable({}), ['gone'], ['x'])).toEqual(['gone'])
    expect(chosenValues(variable({ includeAll: true, value: [ALL] }), [], ['x'])).toEqual([ALL])
    expect(chosenValues(variable({ multi: true }), ['a', 'b'], [])).toEqual(['a', 'b'])
    expect(chosenValues(variable({ kind: 'constant', query: 'c', value: ['c'] }), [], [])).toEqual(['c'])
    expect(listedValues(variable({ query: '1m, 5m,name : value, a\\,b' }))).toEqual(['1m', '5m', 'value', 'a,b'])
  })
})

describe('repeated panels', () => {
  const panel = (id: string, y: number, more: object = {}) => ({
    ...newPanel(emptyBoard('x'), 'graph', { title: id, x: 0, y, w: 12, h: 4 }),
    id,
    ...more,
  })
  const values = (...list: string[]) => new Map([['node', { values: list, all: false, allValue: '.*', many: true }]])
  const repeat = { variable: 'node', perRow: 2 }
  const lying = (found: ReturnType<typeof repeatedPanels>) => found.map(({ id, x, y, w, h }) => [id, x, y, w, h])

  it('come once a value, beside and below each other, and what lies below makes room', () => {
    const found = repeatedPanels([panel('after', 4), panel('a', 0, { repeat })], values('x', 'y', 'z'))
    expect(lying(found)).toEqual([
      ['a:x', 0, 0, 12, 4],
      ['a:y', 12, 0, 12, 4],
      ['a:z', 0, 4, 12, 4],
      ['after', 0, 8, 12, 4],
    ])
    expect(interpolate('up{node=~"$node"}', found[2].variables, { start: 0, end: 1, step: 1 }).text).toBe(
      'up{node=~"z"}',
    )
    expect(found[3].variables.get('node')?.values).toEqual(['x', 'y', 'z'])
  })

  it('keep their own width below each other, and are shown once where the variable has no value', () => {
    const one = { repeat: { variable: 'node', perRow: 1 } }
    expect(lying(repeatedPanels([panel('a', 0, one)], values('x', 'y')))).toEqual([
      ['a:x', 0, 0, 12, 4],
      ['a:y', 0, 4, 12, 4],
    ])
    for (const none of [values(), new Map()])
      expect(lying(repeatedPanels([panel('a', 0, one)], none))).toEqual([['a', 0, 0, 12, 4]])
  })

  it('are not more than can be looked at, and those left out are counted', () => {
    const many = values(...Array.from({ length: 99 }, (_, i) => String(i)))
    expect(repeatedPanels([panel('a', 0, { repeat })], many)).toHaveLength(60)
    expect(cutRepeats([panel('a', 0, { repeat }), panel('b', 9)], many)).toEqual([{ title: 'a', values: 99 }])
  })
})

describe('numbers of panels', () => {
  it('are made of series as the panel says', () => {
    const values = [1, Number.NaN, 3, 2]
    expect((['last', 'mean', 'min', 'max', 'sum', 'count'] as const).map((one) => reduceValues(values, one))).toEqual([
      2, 2, 1, 3, 6, 3,
    ])
    expect(reduceValues([], 'last')).toBeNull()
  })

  it('reach levels and lie between ends', () => {
    const steps = [
      { value: null, level: 'ok' as const },
      { value: 80, level: 'err' as const },
    ]
    expect([79, 80, null].map((value) => levelOf(value, steps))).toEqual(['ok', 'err', 'none'])
    expect(gaugeEnds([37], null, null, false)).toEqual({ low: 0, high: 50 })
    expect(gaugeEnds([0.2], null, null, true)).toEqual({ low: 0, high: 1 })
    expect(gaugeEnds([5], 1, 9, false)).toEqual({ low: 1, high: 9 })
  })

  it('have the unit and digits that were chosen', () => {
    expect(valueText(0.1234, readUnit('ratio', 2) ?? undefined)).toBe('12.34 %')
    expect(valueText(12.5, readUnit('suffix:req/s', null) ?? undefined)).toBe('12.5 req/s')
    expect(valueText(2048, readUnit('bytes/s', null) ?? undefined)).toBe('2 KiB/s')
    expect(readUnit('', null)).toBeNull()
  })
})
