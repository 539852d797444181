import { GlassboxError } from '../../base/errors.ts'
import {
  BOARD_COLUMNS,
  type BoardContent,
  type BoardImport,
  type BoardPanel,
  type ImportNote,
} from '../../model/board.ts'
import { type Fields, fieldsOf, listOf, numberOf, textOf } from './fields.ts'
import { type PanelPlace, readPanel } from './panel.ts'
import type { Sources } from './target.ts'
import { readVariable } from './variable.ts'

const MOST_PANELS = 500
const MOST_NOTES = 500
/** The lowest row of the grid that a board may use. */
const LOWEST = 90_000

/**
 * A dashboard of Grafana as a board, with a note for everything that cannot be shown as it was. Takes the file of
 * "Export", the answer of Grafana's api (`{"dashboard": …}`), and dashboards with rows of before version 5.
 * @param name of the file, the title when the dashboard has none
 * @throws GlassboxError `board_unreadable`
 */
export function readDashboard(document: unknown, name: string): BoardImport {
  const outer = fieldsOf(document)
  const dashboard = 'dashboard' in outer ? fieldsOf(outer['dashboard']) : outer
  refuseOthers(outer, dashboard)
  const notes: ImportNote[] = []
  const note = (kind: ImportNote['kind'], panel: string, detail: string): void => {
    if (notes.length < MOST_NOTES) notes.push({ kind, panel, detail: detail.slice(0, 500) })
  }
  const sources = sourcesOf(dashboard)
  let count = 0
  const panels = placed(dashboard).flatMap(({ panel, place, row }, index): BoardPanel[] => {
    const fields = fieldsOf(panel)
    const title = textOf(fields['title'])
    if (row) {
      if (textOf(fields['repeat']) !== '') note('repeat', title, textOf(fields['repeat']))
      return [rowPanel(`row-${index}`, title, place)]
    }
    count++
    const label = title || `#${textOf(fields['id']) || count}`
    const read = readPanel(panel, `panel-${index}`, place, sources, (kind, detail) => note(kind, label, detail))
    return read ? [read] : []
  })
  const variables = listOf(fieldsOf(dashboard['templating'])['list'])
    .map((one) => readVariable(one, (kind, detail) => note(kind, '', detail)))
    .filter((one) => one !== null)
  const annotations = listOf(fieldsOf(dashboard['annotations'])['list']).filter(
    (one) => fieldsOf(one)['builtIn'] !== 1 && fieldsOf(one)['enable'] !== false,
  )
  if (annotations.length > 0)
    note('annotations', '', annotations.map((one) => textOf(fieldsOf(one)['name'])).join(', '))
  const content: BoardContent = {
    title: (textOf(dashboard['title']).trim() || name.replace(/\.json$/i, '').trim() || 'Dashboard').slice(0, 200),
    description: textOf(dashboard['description']).slice(0, 10_000),
    range: rangeOf(fieldsOf(dashboard['time'])),
    variables: unique(variables, (one) => one.name).slice(0, 100),
    panels: panels.slice(0, MOST_PANELS),
  }
  return { content, source: 'grafana', notes }
}

function refuseOthers(outer: Fields, dashboard: Fields): void {
  const version = textOf(outer['apiVersion'])
  if (version !== '' || fieldsOf(outer['spec'])['elements'] !== undefined || dashboard['elements'] !== undefined)
    throw new GlassboxError(
      'board_unreadable',
      `This is a dashboard of the new schema${version ? ` (${version})` : ''}.`,
      'In Grafana use Export ▸ Export as code ▸ Model: Classic, and read that file.',
    )
  if (!Array.isArray(dashboard['panels']) && !Array.isArray(dashboard['rows']))
    throw new GlassboxError('board_unreadable', 'The file has neither panels nor rows.')
}

/** What kinds the data sources have that the file names by itself, and its variables. */
function sourcesOf(dashboard: Fields): Sources {
  const kinds = new Map<string, string>()
  const variables = new Set<string>()
  for (const one of listOf(dashboard['__inputs'])) {
    const input = fieldsOf(one)
    if (input['type'] === 'datasource') kinds.set(textOf(input['name']), textOf(input['pluginId']))
  }
  for (const one of listOf(fieldsOf(dashboard['templating'])['list'])) {
    const variable = fieldsOf(one)
    if (variable['type'] === 'datasource') kinds.set(textOf(variable['name']), textOf(variable['query']))
    else variables.add(textOf(variable['name']))
  }
  return { kinds, variables }
}

interface Placed {
  panel: unknown
  place: PanelPlace
  row: boolean
}

/** All panels with their places, those of folded rows behind their row. */
function placed(dashboard: Fields): Placed[] {
  if (!Array.isArray(dashboard['panels'])) return oldRows(listOf(dashboard['rows']))
  const found: Placed[] = []
  // What a folded row holds takes room that the file does not count.
  let pushed = 0
  for (const panel of inOrder(listOf(dashboard['panels']))) {
    const fields = fieldsOf(panel)
    const place = placeOf(fields)
    const row = fields['type'] === 'row'
    found.push({
      panel,
      place: { ...place, y: Math.min(LOWEST, place.y + pushed), ...(row ? { x: 0, w: BOARD_COLUMNS, h: 1 } : {}) },
      row,
    })
    if (!row) continue
    const inside = inOrder(listOf(fields['panels']))
    if (inside.length === 0) continue
    const top = Math.min(...inside.map((one) => placeOf(fieldsOf(one)).y))
    let bottom = 0
    for (const one of inside) {
      const own = placeOf(fieldsOf(one))
      const y = own.y - top
      bottom = Math.max(bottom, y + own.h)
      found.push({ panel: one, place: { ...own, y: Math.min(LOWEST, place.y + pushed + 1 + y) }, row: false })
    }
    pushed += bottom
  }
  return found
}

function inOrder(panels: readonly unknown[]): readonly unknown[] {
  return [...panels].sort((a, b) => {
    const [one, two] = [placeOf(fieldsOf(a)), placeOf(fieldsOf(b))]
    return one.y - two.y || one.x - two.x
  })
}

function placeOf(panel: Fields): PanelPlace {
  const grid = fieldsOf(panel['gridPos'])
  const whole = (value: unknown, least: number, most: number, fallback: number): number =>
    Math.min(most, Math.max(least, Math.round(numberOf(value) ?? fallback)))
  const w = whole(grid['w'], 1, BOARD_COLUMNS, 12)
  return {
    x: whole(grid['x'], 0, BOARD_COLUMNS - w, 0),
    y: whole(grid['y'], 0, 50_000, 0),
    w,
    h: whole(grid['h'], 1, 200, 8),
  }
}

/** Rows of before version 5: spans of 12 beside each other, heights in px. */
function oldRows(rows: readonly unknown[]): Placed[] {
  const found: Placed[] = []
  let y = 0
  for (const value of rows) {
    const row = fieldsOf(value)
    const title = textOf(row['title'])
    if (title !== '' && row['showTitle'] !== false) {
      found.push({ panel: row, place: { x: 0, y, w: BOARD_COLUMNS, h: 1 }, row: true })
      y++
    }
    const rowHeight = (pixels: unknown): number =>
      Math.max(2, Math.min(40, Math.round((numberOf(String(pixels ?? '').replace('px', '')) ?? 250) / 36)))
    let x = 0
    let tallest = 0
    for (const panel of listOf(row['panels'])) {
      const fields = fieldsOf(panel)
      const w = Math.min(BOARD_COLUMNS, Math.max(2, Math.round((numberOf(fields['span']) ?? 4) * 2)))
      const h = rowHeight(fields['height'] ?? row['height'])
      if (x + w > BOARD_COLUMNS) {
        x = 0
        y += tallest
        tallest = 0
      }
      found.push({ panel, place: { x, y, w, h }, row: false })
      x += w
      tallest = Math.max(tallest, h)
    }
    y += tallest
  }
  return found
}

function rowPanel(id: string, title: string, place: PanelPlace): BoardPanel {
  return {
    id,
    title: title.slice(0, 500),
    description: '',
    kind: 'row',
    ...place,
    queries: [],
    unit: '',
    decimals: null,
    min: null,
    max: null,
    thresholds: [],
    stack: false,
    log: false,
    reduce: 'last',
    text: '',
    repeat: null,
  }
}

/** `now-6h` to `now` as `6h`; other ranges are left to the person. */
function rangeOf(time: Fields): string {
  const [, length] = /^now-(\d+[smhdw])$/.exec(textOf(time['from'])) ?? []
  return length && textOf(time['to']) === 'now' ? length : ''
}

function unique<T>(list: readonly T[], key: (one: T) => string): T[] {
  return list.filter((one, index) => list.findIndex((other) => key(other) === key(one)) === index)
}
