import {
  BOARD_COLUMNS,
  type BoardPanel,
  type BoardThreshold,
  type ImportNote,
  type PanelKind,
  type Reducer,
} from '../../model/board.ts'
import { type Fields, fieldsOf, listOf, numberOf, textOf } from './fields.ts'
import { readTargets, type Sources } from './target.ts'
import { unitOfGrafana } from './unit.ts'

const KINDS: Record<string, PanelKind> = {
  timeseries: 'graph',
  graph: 'graph',
  'graph-old': 'graph',
  stat: 'stat',
  singlestat: 'stat',
  gauge: 'gauge',
  bargauge: 'gauge',
  table: 'table',
  'table-old': 'table',
  heatmap: 'heat',
  'heatmap-new': 'heat',
  text: 'text',
}

const REDUCERS: Record<string, Reducer> = {
  lastNotNull: 'last',
  last: 'last',
  current: 'last',
  mean: 'mean',
  avg: 'mean',
  max: 'max',
  min: 'min',
  sum: 'sum',
  total: 'sum',
  count: 'count',
}

const LEVELS: [RegExp, BoardThreshold['level']][] = [
  [/green|#73bf69|#299c46|#37872d|#56a64b|rgba\(50, ?172, ?45/i, 'ok'],
  [/yellow|orange|#fade2a|#ff9830|#eab839|rgba\(237, ?129, ?40/i, 'warn'],
  [/red|#f2495c|#d44a3a|#e02f44|#c4162a|rgba\(245, ?54, ?54/i, 'err'],
  [/blue|#5794f2|#1f60c4|#3274d9/i, 'info'],
]

function thresholdsOf(steps: readonly unknown[]): BoardThreshold[] {
  return steps
    .map((step, index): BoardThreshold => {
      const { value, color } = fieldsOf(step)
      const level = LEVELS.find(([pattern]) => pattern.test(textOf(color)))?.[1] ?? 'none'
      return { value: index === 0 ? null : numberOf(value), level }
    })
    .filter(({ value }, index) => index === 0 || value !== null)
    .slice(0, 50)
}

/** Thresholds of the panels before version 7: `80,90` and a list of colours. */
function oldThresholds(panel: Fields): BoardThreshold[] {
  const values = textOf(panel['thresholds']).split(',').map(numberOf)
  if (values.some((value) => value === null)) return []
  const colours = listOf(panel['colors'])
  return thresholdsOf([null, ...values].map((value, index) => ({ value, color: colours[index] })))
}

export interface PanelPlace {
  x: number
  y: number
  w: number
  h: number
}

type Note = (kind: ImportNote['kind'], detail: string) => void

/** One panel of a dashboard, or null when it cannot be shown; `note` hears of everything that is lost. */
export function readPanel(
  value: unknown,
  id: string,
  place: PanelPlace,
  sources: Sources,
  note: Note,
): BoardPanel | null {
  const panel = fieldsOf(value)
  const type = textOf(panel['type'])
  const kind = KINDS[type]
  if (panel['libraryPanel'] !== undefined && kind === undefined) {
    note('libraryPanel', textOf(fieldsOf(panel['libraryPanel'])['name']))
    return null
  }
  if (kind === undefined) {
    note('panelType', type || '?')
    return null
  }
  const options = fieldsOf(panel['options'])
  const defaults = fieldsOf(fieldsOf(panel['fieldConfig'])['defaults'])
  const custom = fieldsOf(defaults['custom'])
  const targets = readTargets(panel, sources)
  const text = kind === 'text' ? textOf(options['content'] ?? panel['content']) : ''
  for (const source of new Set(targets.foreign)) note('datasource', source)
  for (const reference of targets.expressions) note('expressionQuery', reference)
  if (kind !== 'text' && targets.queries.length === 0) {
    if (targets.foreign.length === 0 && targets.expressions.length === 0) note('noQuery', '')
    return null
  }
  if (kind === 'text' && textOf(options['mode'] ?? panel['mode']) === 'html') note('markup', '')
  losses(panel, defaults, note)

  const axis = fieldsOf(listOf(panel['yaxes'])[0])
  const gauge = fieldsOf(panel['gauge'])
  const unitId = textOf(defaults['unit'] ?? panel['format'] ?? axis['format'])
  const unit = unitOfGrafana(unitId)
  if (unit === null) note('unit', unitId)
  const reduce = reducerOf(options, panel)
  if (reduce === null) note('reducer', listOf(fieldsOf(options['reduceOptions'])['calcs']).map(textOf).join(', '))
  const steps = listOf(fieldsOf(defaults['thresholds'])['steps'])
  const decimals = numberOf(defaults['decimals'] ?? panel['decimals'])
  return {
    id,
    title: textOf(panel['title']).slice(0, 500),
    description: textOf(panel['description']).slice(0, 10_000),
    kind: shownKind(kind, targets.format),
    ...place,
    queries: targets.queries.slice(0, 50),
    unit: unit ?? '',
    decimals: decimals === null ? null : Math.min(12, Math.max(0, Math.round(decimals))),
    min: numberOf(defaults['min'] ?? gauge['minValue'] ?? axis['min']),
    max: numberOf(defaults['max'] ?? gauge['maxValue'] ?? axis['max']),
    thresholds: steps.length > 0 ? thresholdsOf(steps) : oldThresholds(panel),
    stack: panel['stack'] === true || !['none', ''].includes(textOf(fieldsOf(custom['stacking'])['mode'])),
    log: fieldsOf(custom['scaleDistribution'])['type'] === 'log' || Number(axis['logBase'] ?? 1) > 1,
    reduce: reduce ?? 'last',
    text: text.slice(0, 50_000),
    repeat: repeatOf(panel, sources, note),
  }
}

/** Grafana puts up to four beside each other unless told otherwise. */
function repeatOf(panel: Fields, { variables }: Sources, note: Note): BoardPanel['repeat'] {
  const variable = textOf(panel['repeat'])
  if (variable === '') return null
  if (!variables.has(variable)) {
    note('repeat', variable)
    return null
  }
  const most = Math.round(numberOf(panel['maxPerRow']) ?? 4)
  return { variable, perRow: panel['repeatDirection'] === 'v' ? 1 : Math.min(BOARD_COLUMNS, Math.max(1, most)) }
}

/** A singlestat with a gauge inside was how gauges were made once. */
function shownKind(kind: PanelKind, format: string): PanelKind {
  return kind === 'graph' && format === 'heatmap' ? 'heat' : kind
}

function reducerOf(options: Fields, panel: Fields): Reducer | null {
  const calcs = listOf(fieldsOf(options['reduceOptions'])['calcs'])
  const name = textOf(calcs[0] ?? panel['valueName'])
  if (name === '') return 'last'
  return calcs.length <= 1 ? (REDUCERS[name] ?? null) : null
}

/** Says what of a panel that is shown has no counterpart. */
function losses(panel: Fields, defaults: Fields, note: Note): void {
  const transformations = listOf(panel['transformations']).map((one) => textOf(fieldsOf(one)['id']))
  for (const id of new Set(transformations)) note('transformation', id)
  const overrides = listOf(fieldsOf(panel['fieldConfig'])['overrides'])
  const properties = overrides.flatMap((one) =>
    listOf(fieldsOf(one)['properties']).map((p) => textOf(fieldsOf(p)['id'])),
  )
  if (properties.length > 0) note('override', [...new Set(properties)].slice(0, 10).join(', '))
  else if (listOf(panel['seriesOverrides']).length > 0) note('override', 'seriesOverrides')
  if (
    listOf(defaults['mappings']).length > 0 ||
    listOf(panel['valueMaps']).some((one) => fieldsOf(one)['text'] !== 'N/A')
  )
    note('mapping', '')
  if (textOf(panel['timeFrom']) !== '' || textOf(panel['timeShift']) !== '')
    note('timeShift', [textOf(panel['timeFrom']), textOf(panel['timeShift'])].filter(Boolean).join(', '))
  if (listOf(panel['links']).length > 0 || listOf(defaults['links']).length > 0) note('links', '')
}
