import { BOARD_COLUMNS, type BoardContent, type BoardPanel, type PanelKind } from '../../../../core/model/board.ts'
import { placeBelow } from './grid.ts'

const SIZE: Record<PanelKind, { w: number; h: number }> = {
  graph: { w: 12, h: 8 },
  stat: { w: 6, h: 4 },
  gauge: { w: 6, h: 6 },
  table: { w: 12, h: 8 },
  heat: { w: 12, h: 8 },
  text: { w: 8, h: 4 },
  row: { w: BOARD_COLUMNS, h: 1 },
}

/** A panel of this kind below all others, with an id of its own. */
export function newPanel(content: BoardContent, kind: PanelKind, more: Partial<BoardPanel> = {}): BoardPanel {
  return {
    id: crypto.randomUUID(),
    title: '',
    description: '',
    kind,
    ...SIZE[kind],
    ...placeBelow(content.panels),
    queries: kind === 'text' || kind === 'row' ? [] : [{ expr: '', label: '', hidden: false }],
    unit: '',
    decimals: null,
    min: null,
    max: null,
    thresholds: [],
    stack: false,
    log: false,
    reduce: 'last',
    text: '',
    ...more,
  }
}

export function emptyBoard(title: string): BoardContent {
  return { title, description: '', range: '', variables: [], panels: [] }
}
