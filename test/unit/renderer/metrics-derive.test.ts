import { describe, expect, it } from 'vitest'
import { parseQuery } from '../../../core/query/promql/parse-query.ts'
import { readQueries, writeQueries } from '../../../renderer/features/metrics/derive/address.ts'
import { tracesAround } from '../../../renderer/features/metrics/derive/around.ts'
import {
  familiesOf,
  searchFamilies,
  suggestedExpression,
  treeLines,
} from '../../../renderer/features/metrics/derive/catalogue.ts'
import { chartLines } from '../../../renderer/features/metrics/derive/chart-lines.ts'
import {
  explainSteps,
  expressionText,
  type ParsedNode,
} from '../../../renderer/features/metrics/derive/expression-text.ts'
import { adviceFor, engineWords } from '../../../renderer/features/metrics/derive/fault.ts'
import { heatCells } from '../../../renderer/features/metrics/derive/heat.ts'
import { resultLines, stackValues } from '../../../renderer/features/metrics/derive/lines.ts'
import {
  figuresOf,
  labelsText,
  largest,
  legendText,
  type ResultSeries,
  readResult,
  valueAt,
} from '../../../renderer/features/metrics/derive/matrix.ts'
import { signatureOf } from '../../../renderer/features/metrics/derive/signatures.ts'
import { alignedRange, autoStep, parseStep, stepText } from '../../../renderer/features/metrics/derive/step.ts'
import { axisText, metricNames, unitOf, valueText } from '../../../renderer/features/metrics/derive/unit.ts'
import { en } from '../../../renderer/i18n/en.ts'

const series = (labels: Record<string, string>, values: number[]): ResultSeries => ({
  labels,
  times: values.map((_, i) => i * 1e6),
  values,
  histograms: [],
})
const parsed = (expr: string): ParsedNode => parseQuery(expr) as ParsedNode

describe('queries in the address', () => {
  it('come back as they were written, also with gaps closed', () => {
    const queries = [
      { expr: 'up', label: '', hidden: false },
      { expr: 'rate(a[5m])', label: '{{job}}', hidden: true },
      { expr: 'b', label: '', hidden: false },
    ]
    const params = writeQueries(queries)
    expect(params).toMatchObject({
      expr: 'up',
      expr2: 'rate(a[5m])',
      label2: '{{job}}',
      expr3: 'b',
      hide: '2',
      expr4: undefined,
    })
    const query = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined)) as Record<
      string,
      string
    >
    expect(readQueries(query)).toEqual(queries)
    expect(readQueries({ expr3: 'c', hide: '3' })).toEqual([{ expr: 'c', label: '', hidden: true }])
    expect(readQueries({})).toEqual([{ expr: '', label: '', hidden: false }])
  })
})

describe('steps', () => {
  it('are round and keep the points where they are', () => {
    expect(autoStep(3600e6)).toBe(10)
    expect(autoStep(60e6)).toBe(1)
    expect(autoStep(30 * 86_400e6)).toBe(7200)
    const first = alignedRange(1_000_003e6, 1_003_603e6, 10)
    const later = alignedRange(1_000_007e6, 1_003_607e6, 10)
    expect(first.start % 10e6).toBe(0)
    expect((later.start - first.start) % 10e6).toBe(0)
    expect(alignedRange(0, 86_400e6, 1).step).toBeGreaterThan(1)
  })

  it('read and write as PromQL does', () => {
    expect(['15s', '1m', '0.5', '250ms', '2h', '', '5x', '0s'].map(parseStep)).toEqual([
      15,
      60,
      0.5,
      0.25,
      7200,
      null,
      null,
      null,
    ])
    expect([15, 60, 7200, 0.25, 90, 86400].map(stepText)).toEqual(['15s', '1m', '2h', '250ms', '90s', '1d'])
  })
})

describe('results', () => {
  it('read every value that Go writes', () => {
    const [one] = readResult({
      resultType: 'matrix',
      result: [
        {
          metric: { a: 'b' },
          values: [
            [1, '1e-05'],
            [2, '+Inf'],
            [3, 'NaN'],
          ],
          histograms: [[4, { count: '2', sum: '3', buckets: [[0, '0.5', '1', '2']] }]],
        },
      ],
    })
    expect(one).toEqual({
      labels: { a: 'b' },
      times: [1e6, 2e6, 3e6],
      values: [1e-5, Number.POSITIVE_INFINITY, Number.NaN],
      histograms: [{ time: 4e6, count: 2, sum: 3, buckets: [{ low: 0.5, high: 1, count: 2 }] }],
    })
    expect(readResult({ resultType: 'scalar', result: [5, '2'] })[0].values).toEqual([2])
    expect(figuresOf(one)).toEqual({ last: Number.NaN, min: 1e-5, max: 1e-5, mean: 1e-5 })
  })

  it('are named by their labels', () => {
    expect(labelsText({ __name__: 'up', job: 'a"b' })).toBe('up{job="a\\"b"}')
    expect(labelsText({ __name__: 'http.dur', 'a.b': 'c' })).toBe('{"http.dur", "a.b"="c"}')
    expect(labelsText({})).toBe('{}')
    expect(legendText('{{ job }} of {{none}}', { job: 'a' })).toBe('a of ')
  })

  it('give the value nearest to a moment, within reach', () => {
    const one = series({}, [10, 20, 30])
    expect(valueAt(one, 1.4e6, 1e6)).toBe(20)
    expect(valueAt(one, 1.6e6, 1e6)).toBe(30)
    expect(valueAt(one, 9e6, 1e6)).toBeNull()
  })

  it('draw the largest and say the rest', () => {
    const many = Array.from({ length: 30 }, (_, i) => series({ i: String(i) }, [i]))
    expect(largest(many, 2).map(({ labels }) => labels['i'])).toEqual(['28', '29'])
    const lines = resultLines([{ series: many, label: '', expr: 'x' }], () => 1)
    expect(lines.filter(({ drawn }) => drawn)).toHaveLength(20)
    expect(new Set(lines.map(({ id }) => id)).size).toBe(30)
    expect(lines[29].short).toBe('{i="29"}')
  })

  it('take the colours of services only where a service is one line', () => {
    const slot = (service: string): number => (service === 'cart' ? 7 : 9)
    const two = [series({ service_name: 'cart' }, [1]), series({ service_name: 'pay' }, [1])]
    expect(resultLines([{ series: two, label: '', expr: 'x' }], slot).map(({ colour }) => colour)).toEqual([
      '--svc-7',
      '--svc-9',
    ])
    const same = [series({ service_name: 'cart', a: '1' }, [1]), series({ service_name: 'cart', a: '2' }, [1])]
    expect(resultLines([{ series: same, label: '', expr: 'x' }], slot).map(({ colour }) => colour)).toEqual([
      '--svc-1',
      '--svc-2',
    ])
  })

  it('pile up, and tell what each measures', () => {
    expect(stackValues([series({}, [1, 2]), series({}, [3, Number.NaN])])).toEqual([
      [1, 2],
      [4, null],
    ])
    const lines = resultLines(
      [{ series: [series({ a: '1' }, [1, 2]), series({ a: '2' }, [3, 4])], label: '', expr: 'x' }],
      () => 1,
    )
    const [top] = chartLines(lines, { step: 1e6, stack: true, log: false, hovered: null })
    expect([top.values, top.told]).toEqual([
      [4, 6],
      [3, 4],
    ])
    const [log] = chartLines([{ ...lines[0], values: [100, 0] }], { step: 1e6, stack: false, log: true, hovered: null })
    expect([log.values, log.told]).toEqual([
      [2, null],
      [100, 0],
    ])
  })
})

describe('units', () => {
  it.each([
    ['rate(http_requests_total[5m])', 'none', true],
    [
      'histogram_quantile(0.95, sum by (le) (rate(http_server_request_duration_seconds_bucket{a="b"}[5m])))',
      'seconds',
      false,
    ],
    ['rate(process_cpu_seconds_total[1m])', 'ratio', false],
    ['process_memory_bytes', 'bytes', false],
    ['sum(rate(node_network_bytes_total[1m]))', 'bytes', true],
    ['count(process_memory_bytes)', 'none', false],
    ['a_seconds_sum / a_seconds_count', 'none', false],
    ['sum by (le) (increase(a_seconds_bucket[5m]))', 'none', false],
    ['1 + 1', 'none', false],
  ])('of %s', (expr, unit, perSecond) => {
    expect(unitOf(expr)).toEqual({ unit, perSecond })
  })

  it('find names past labels, ranges, keywords and comments', () => {
    expect(metricNames('sum by (job) (rate(a_total{b="c_d"}[5m:1m])) # e_f\n / on (x) g:h offset 5m')).toEqual([
      'a_total',
      'g:h',
    ])
  })

  it('are written one way on an axis', () => {
    const seconds = { unit: 'seconds' as const, perSecond: false }
    expect([0, 0.5, 1.5].map((value) => axisText(value, seconds, 1.5))).toEqual(['0', '0.5 s', '1.5 s'])
    expect(axisText(0.0125, seconds, 0.05)).toBe('12.5 ms')
    expect(valueText(1536, { unit: 'bytes', perSecond: true })).toBe('1.5 KiB/s')
    expect([Number.NaN, Number.POSITIVE_INFINITY, null, 0.000012, 1234.5678].map((value) => valueText(value))).toEqual([
      'NaN',
      '+Inf',
      '–',
      '1.20e-5',
      '1235',
    ])
  })
})

describe('the explorer', () => {
  const names = [
    'go_gc_total',
    'go_threads',
    'go_mem_a',
    'go_mem_b',
    'go_mem_c',
    'h_seconds_bucket',
    'h_seconds_count',
    'h_seconds_sum',
    'my_count',
    'n_seconds',
  ]
  const families = familiesOf(
    names,
    { n_seconds: [{ type: 'histogram', help: 'native one', unit: '' }] },
    new Map(names.map((name) => [name, 2])),
  )

  it('knows a histogram as one metric and guesses types', () => {
    expect(families.map(({ name, type }) => [name, type])).toEqual([
      ['go_gc_total', 'counter'],
      ['go_mem_a', 'unknown'],
      ['go_mem_b', 'unknown'],
      ['go_mem_c', 'unknown'],
      ['go_threads', 'unknown'],
      ['h_seconds', 'histogram'],
      ['my_count', 'unknown'],
      ['n_seconds', 'histogram'],
    ])
    expect(families[5]).toMatchObject({ series: 6, unit: 'seconds', native: false })
  })

  it('offers a useful graph by type', () => {
    const by = (name: string): string => suggestedExpression(families.find((one) => one.name === name) ?? families[0])
    expect(by('go_gc_total')).toBe('rate(go_gc_total[5m])')
    expect(by('h_seconds')).toBe('histogram_quantile(0.95, sum by (le) (rate(h_seconds_bucket[5m])))')
    expect(by('n_seconds')).toBe('histogram_quantile(0.95, sum(rate(n_seconds[5m])))')
    expect(by('go_mem_a')).toBe('go_mem_a')
    expect(suggestedExpression({ ...families[1], name: 'a.b', members: ['a.b'] })).toBe('{"a.b"}')
  })

  it('groups by the parts of names and opens what is open', () => {
    const closed = treeLines(families, () => false)
    expect(closed.map((line) => (line.kind === 'group' ? `${line.prefix} ${line.count}` : line.short))).toEqual([
      'go_ 5',
      'h_seconds',
      'my_count',
      'n_seconds',
    ])
    const open = treeLines(families, () => true)
    expect(open.map((line) => (line.kind === 'group' ? line.prefix : `${line.depth} ${line.short}`))).toEqual([
      'go_',
      '1 gc_total',
      'go_mem_',
      '2 a',
      '2 b',
      '2 c',
      '1 threads',
      '0 h_seconds',
      '0 my_count',
      '0 n_seconds',
    ])
  })

  it('finds by every word in name, help and type, best first', () => {
    expect(searchFamilies(families, 'mem b').map(({ name }) => name)).toEqual(['go_mem_b'])
    expect(searchFamilies(families, 'native').map(({ name }) => name)).toEqual(['n_seconds'])
    expect(searchFamilies(families, 'seconds').map(({ name }) => name)).toEqual(['h_seconds', 'n_seconds'])
  })
})

describe('what the engine says', () => {
  it('has a place in the text, in front or behind', () => {
    const front = engineWords(
      'sum(\n  rate(a)\n)',
      '2:8: parse error: expected type range vector in call to function "rate"',
    )
    expect(front).toMatchObject({ line: 2, column: 8, text: 'expected type range vector in call to function "rate"' })
    expect('sum(\n  rate(a)\n)'.slice(front.place?.from, front.place?.to)).toBe('a')
    const behind = engineWords('rate(up[5m])', 'PromQL info: metric might not be a counter: "up" (1:6)')
    expect(behind.text).toBe('metric might not be a counter: "up"')
    expect('rate(up[5m])'.slice(behind.place?.from, behind.place?.to)).toBe('up')
    expect(engineWords('up', 'no place').place).toBeNull()
    expect(engineWords('sum(', '1:5: parse error: unclosed left parenthesis').place).toEqual({ from: 3, to: 4 })
  })

  it('comes with advice that exists in the messages', () => {
    const problem = { type: '', title: '', status: 400, detail: '', code: 'bad_promql', hint: '', requestId: '' }
    const advice = (said: string, code = 'bad_promql'): string =>
      adviceFor({ ...problem, code }, engineWords('x', said))
    expect(advice('1:1: parse error: expected type range vector in call to function "rate"')).toBe('needsRange')
    expect(advice('1:1: parse error: unknown function with name "raet"')).toBe('unknownFunction')
    expect(advice('1:1: parse error: unexpected end of input')).toBe('unclosed')
    expect(
      advice('many-to-many matching not allowed: matching labels must be unique on one side', 'promql_failed'),
    ).toBe('matching')
    expect(advice('anything', 'query_too_large')).toBe('narrow')
    for (const key of ['needsRange', 'unknownFunction', 'unclosed', 'matching', 'narrow'])
      expect(en.metrics.advice).toHaveProperty(key)
  })
})

describe('the explanation', () => {
  it.each([
    'sum by (job) (rate(http_requests_total{code=~"5..", job!="a\\"b"}[5m] offset 1h))',
    '(a + b) * c',
    'a / on (x) group_left (y) b',
    'max_over_time(rate(a[5m])[1h:30s] @ 1700000000)',
    '-a ^ 2',
    'topk(3, {"a.b", c="d"})',
    'a > bool 1',
    'label_replace(up, "x", "$1", "job", "(.*)")',
    'sum without (a, b) (c @ start())',
  ])('writes %s so that it parses to the same tree', (expr) => {
    const tree = parsed(expr)
    expect(plain(parsed(expressionText(tree)))).toEqual(plain(tree))
  })

  it('goes from the outside in and counts what has series', () => {
    const steps = explainSteps(parsed('sum by (job) (rate(a{b="c"}[5m])) / 2'))
    expect(steps.map(({ depth, title }) => [depth, title])).toEqual([
      [0, '/'],
      [1, 'sum by (job)'],
      [2, 'rate'],
      [3, 'a{b="c"}[5m]'],
    ])
    expect(steps.at(-1)?.countQuery).toBe('count(present_over_time(a{b="c"}[5m]))')
    expect(explainSteps(parsed('time()'))[0].countQuery).toBeNull()
  })
})

/** Trees differ only in the parentheses that writing adds. */
function plain(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(plain)
  if (node === null || typeof node !== 'object') return node
  const { type, expr } = node as { type?: string; expr?: unknown }
  if (type === 'parenExpr') return plain(expr)
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, plain(value)]))
}

describe('functions', () => {
  it('have a signature and a sentence in both places', () => {
    expect(signatureOf('rate')).toBe('rate(range-vector) → instant-vector')
    expect(signatureOf('round')).toBe('round(instant-vector, [scalar]) → instant-vector')
    expect(signatureOf('topk')).toBe('topk by (…) (scalar, instant-vector) → instant-vector')
    expect(signatureOf('nothing')).toBeNull()
    for (const name of Object.keys(en.promql)) expect([name, signatureOf(name)]).not.toEqual([name, null])
  })
})

describe('heat maps', () => {
  const range = { start: 0, end: 20e6, step: 10 }

  it('turn cumulative buckets into cells and add histograms up', () => {
    const bucket = (le: string, values: number[]): ResultSeries => ({
      labels: { le },
      times: [0, 10e6, 20e6],
      values,
      histograms: [],
    })
    const cells = heatCells(
      [bucket('1', [1, 2, 3]), bucket('+Inf', [4, 4, 3]), bucket('0.5', [1, 0, 1]), bucket('0.5', [0, 1, 0])],
      range,
    )
    expect(cells).toMatchObject({ start: 0, columns: 3, edges: [0, 0.5, 1, 1.5] })
    expect(cells?.counts).toEqual([1, 0, 3, 1, 1, 2, 1, 2, 0])
  })

  it('draw native histograms, and know when there is nothing to draw', () => {
    const native: ResultSeries = {
      labels: {},
      times: [],
      values: [],
      histograms: [
        {
          time: 10e6,
          count: 3,
          sum: 1,
          buckets: [
            { low: 1, high: 2, count: 2 },
            { low: 2, high: 4, count: 1 },
          ],
        },
      ],
    }
    expect(heatCells([native], range)).toMatchObject({ edges: [1, 2, 4], counts: [0, 0, 2, 1, 0, 0] })
    expect(heatCells([series({}, [1, 2])], range)).toBeNull()
  })
})

it('leads to the traces around a point, with what the line says about them', () => {
  expect(tracesAround(100e6, { service_name: 'cart' }, 1.25, { unit: 'seconds', perSecond: false })).toEqual({
    start: '40000000',
    end: '160000000',
    service: 'cart',
    minDuration: '1250ms',
  })
  expect(tracesAround(100e6, { status_code: 'STATUS_CODE_ERROR' }, 4, { unit: 'none', perSecond: true })).toEqual({
    start: '40000000',
    end: '160000000',
    status: 'error',
  })
})
