/** Boards: panels of queries on a grid. The stored document; `core/api/contract/boards.ts` checks it. */

export const PANEL_KINDS = ['graph', 'stat', 'gauge', 'table', 'heat', 'text', 'row'] as const
export type PanelKind = (typeof PANEL_KINDS)[number]

export const VARIABLE_KINDS = ['query', 'custom', 'interval', 'constant', 'text'] as const
export type VariableKind = (typeof VARIABLE_KINDS)[number]

export const REDUCERS = ['last', 'mean', 'min', 'max', 'sum', 'count'] as const
export type Reducer = (typeof REDUCERS)[number]

/** Columns of the grid, as many as Grafana's. */
export const BOARD_COLUMNS = 24

export interface BoardQuery {
  expr: string
  /** Legend with labels in double braces; empty names the labels that differ. */
  label: string
  hidden: boolean
}

/** From `value` on (null: from the lowest) values are of this level. */
export interface BoardThreshold {
  value: number | null
  level: 'ok' | 'warn' | 'err' | 'info' | 'none'
}

export interface BoardPanel {
  /** Unique on its board. */
  id: string
  title: string
  description: string
  kind: PanelKind
  /** Grid cells from the left and top, and how many it covers. */
  x: number
  y: number
  w: number
  h: number
  queries: BoardQuery[]
  /** `seconds`, `bytes/s`, `ratio` …, `suffix:TEXT`, or empty: guessed from the metric. */
  unit: string
  decimals: number | null
  min: number | null
  max: number | null
  /** Ascending. */
  thresholds: BoardThreshold[]
  stack: boolean
  log: boolean
  /** How a stat or gauge makes one number of a series. */
  reduce: Reducer
  /** The words of a text panel, plain. */
  text: string
  /** Shown once for each chosen value of the variable, so many beside each other. */
  repeat?: { variable: string; perRow: number } | null
}

export interface BoardVariable {
  name: string
  label: string
  kind: VariableKind
  /** `label_values(metric, label)` and the like, or a list with commas. */
  query: string
  /** Keeps and cuts what a query found; empty takes all. */
  regex: string
  multi: boolean
  includeAll: boolean
  /** What "all" stands for; empty: every value, joined by |. */
  allValue: string
  /** What is chosen when the address says nothing; `$__all` is all. */
  value: string[]
}

export interface BoardContent {
  title: string
  description: string
  /** Relative range such as `1h` that the board opens with; empty keeps the one shown. */
  range: string
  variables: BoardVariable[]
  panels: BoardPanel[]
}

/** A saved board. `version` grows by one with every change; times are µs. */
export interface Board {
  id: string
  version: number
  createdAt: number
  updatedAt: number
  content: BoardContent
}

export interface BoardInfo {
  id: string
  title: string
  version: number
  panels: number
  updatedAt: number
}

const NOTE_KINDS = [
  'panelType',
  'datasource',
  'libraryPanel',
  'noQuery',
  'expressionQuery',
  'transformation',
  'override',
  'mapping',
  'repeat',
  'variableType',
  'variableQuery',
  'adhoc',
  'annotations',
  'links',
  'reducer',
  'unit',
  'markup',
  'timeShift',
] as const

/** What of a dashboard cannot be shown as it was: `panel` names where (empty: the board), `detail` what. */
export interface ImportNote {
  kind: (typeof NOTE_KINDS)[number]
  panel: string
  detail: string
}

/** A dashboard read from a file, not saved yet. */
export interface BoardImport {
  content: BoardContent
  /** `grafana`, or `glassbox` for a board of ours. */
  source: 'grafana' | 'glassbox'
  notes: ImportNote[]
}
