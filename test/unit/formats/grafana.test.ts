import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boardContent } from '../../../core/api/contract/boards.ts'
import { readDashboard } from '../../../core/formats/grafana/read-dashboard.ts'

const file = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../fixtures/grafana/${name}.json`, import.meta.url), 'utf8'))
const noted = (name: string): string[] =>
  readDashboard(file(name), '').notes.map(({ kind, panel, detail }) => `${kind} | ${panel} | ${detail}`)

describe('a dashboard of Grafana', () => {
  it('becomes a board that our own check takes', () => {
    for (const name of ['service-overview', 'folded-rows', 'old-rows']) {
      const { content } = readDashboard(file(name), name)
      expect(boardContent.parse(content)).toEqual(content)
    }
  })

  it('keeps titles, places, queries, units and thresholds', () => {
    const { content } = readDashboard(file('service-overview'), '')
    expect(content).toMatchObject({ title: 'Shop overview', range: '6h' })
    expect(content.panels.map(({ kind, title }) => [kind, title])).toEqual([
      ['row', 'Overview of $service'],
      ['graph', 'Requests'],
      ['stat', 'Error share'],
      ['gauge', 'P95'],
      ['table', 'Memory'],
      ['heat', 'Latency'],
      ['graph', 'Queue and logs'],
      ['text', 'Who to call'],
    ])
    const [, requests, share, p95] = content.panels
    expect(requests).toMatchObject({
      x: 0,
      y: 1,
      w: 12,
      h: 8,
      stack: true,
      min: 0,
      unit: 'suffix:req/s',
      queries: [
        { label: '{{code}}', hidden: false },
        { label: '', hidden: true },
      ],
      thresholds: [
        { value: null, level: 'ok' },
        { value: 50, level: 'warn' },
        { value: 80, level: 'err' },
      ],
    })
    expect(share).toMatchObject({ unit: 'ratio', decimals: 2, reduce: 'last' })
    expect(p95).toMatchObject({ unit: 'seconds', max: 2, reduce: 'max' })
    expect(content.variables).toEqual([
      expect.objectContaining({
        name: 'service',
        kind: 'query',
        query: 'label_values(http_requests_total, job)',
        regex: '/^(?!payment).*/',
        multi: true,
        includeAll: true,
        allValue: '.+',
        value: ['$__all'],
      }),
      expect.objectContaining({ name: 'window', kind: 'interval', query: '5m,1h', value: ['5m'] }),
    ])
  })

  it('says everything that is lost', () => {
    expect(noted('service-overview')).toEqual([
      'override | Requests | color',
      'mapping | Error share | ',
      'transformation | Memory | organize',
      'panelType | Logs | logs',
      'datasource | Queue and logs | loki',
      'expressionQuery | Queue and logs | C',
      'panelType | Share | piechart',
      'adhoc |  | Filters',
      'annotations |  | Restarts',
    ])
    expect(noted('folded-rows')).toEqual([
      'override | Load | seriesOverrides',
      'reducer | Memory | p95',
      'repeat | Memory | node',
    ])
    expect(noted('old-rows')).toEqual([
      'markup | #3 | ',
      'datasource | Rows | graphite',
      'variableQuery |  | odd: up{job="a"}',
    ])
  })

  it('opens folded rows and makes room for what was in them', () => {
    const { content } = readDashboard(file('folded-rows'), '')
    expect(content.panels.map(({ kind, title, x, y, w, h }) => [kind, title, x, y, w, h])).toEqual([
      ['row', 'CPU', 0, 0, 24, 1],
      ['graph', 'Busy', 0, 1, 12, 7],
      ['graph', 'Load', 12, 1, 12, 7],
      ['row', 'Memory', 0, 8, 24, 1],
      ['gauge', 'Memory', 0, 9, 24, 5],
    ])
    expect(content.panels[1]).toMatchObject({ stack: true, log: true, unit: 'ratio', min: 0, max: 1 })
    expect(content.range).toBe('')
  })

  it('repeats a panel by a variable that the file has', () => {
    const panel = (more: object) => ({ type: 'stat', title: 'x', targets: [{ expr: 'up' }], ...more })
    const read = readDashboard(
      {
        panels: [
          panel({ repeat: 'node' }),
          panel({ repeat: 'node', maxPerRow: 2 }),
          panel({ repeat: 'node', repeatDirection: 'v' }),
          panel({ repeat: 'gone' }),
          { type: 'row', title: 'All of them', repeat: 'node' },
        ],
        templating: { list: [{ name: 'node', type: 'query', query: 'label_values(up, node)', multi: true }] },
      },
      '',
    )
    expect(read.content.panels.map(({ repeat }) => repeat)).toEqual([
      { variable: 'node', perRow: 4 },
      { variable: 'node', perRow: 2 },
      { variable: 'node', perRow: 1 },
      null,
      null,
    ])
    expect(read.notes.map(({ kind, panel: where, detail }) => [kind, where, detail])).toEqual([
      ['repeat', 'x', 'gone'],
      ['repeat', 'All of them', 'node'],
    ])
  })

  it('reads rows of before version 5', () => {
    const { content } = readDashboard(file('old-rows'), '')
    expect(content.panels.map(({ kind, title, x, y, w, h }) => [kind, title, x, y, w, h])).toEqual([
      ['row', 'Numbers', 0, 0, 24, 1],
      ['stat', 'Up', 0, 1, 12, 4],
      ['stat', 'Traffic', 12, 1, 12, 4],
      ['text', '', 0, 5, 24, 4],
    ])
    expect(content.panels[1].thresholds).toEqual([
      { value: null, level: 'err' },
      { value: 1, level: 'warn' },
      { value: 2, level: 'ok' },
    ])
    expect(content.panels[2]).toMatchObject({ reduce: 'mean', unit: 'bytes/s' })
  })

  it('is refused in one sentence when it is none, or of the new schema', () => {
    expect(() => readDashboard({ apiVersion: 'dashboard.grafana.app/v2beta1', spec: { elements: {} } }, '')).toThrow(
      /new schema/,
    )
    for (const wrong of [null, 7, [], {}, { title: 'x' }, { dashboard: [] }])
      expect(() => readDashboard(wrong, '')).toThrow(/neither panels nor rows/)
  })

  it('never yields a board that cannot be saved, whatever stands in its fields', () => {
    const value = fc.jsonValue({ maxDepth: 3 })
    const panel = fc.record(
      {
        type: fc.constantFrom('timeseries', 'stat', 'table', 'row', 'text', 'x'),
        title: value,
        gridPos: fc.oneof(value, fc.record({ x: value, y: value, w: value, h: fc.double() })),
        targets: fc.oneof(value, fc.array(fc.record({ expr: fc.string(), hide: value, legendFormat: value }))),
        fieldConfig: fc.oneof(
          value,
          fc.record({
            defaults: fc.record({ unit: value, thresholds: fc.record({ steps: value }), min: value, decimals: value }),
          }),
        ),
        options: value,
        panels: value,
      },
      { requiredKeys: ['type'] },
    )
    fc.assert(
      fc.property(fc.array(panel), value, value, (panels, templating, title) => {
        const { content } = readDashboard({ panels, templating, title }, 'name')
        expect(boardContent.safeParse(content).error).toBeUndefined()
      }),
      { numRuns: 300 },
    )
  })
})
