import { BOARD_COLUMNS, type BoardPanel } from '../../../../core/model/board.ts'
import { compactCells } from './grid.ts'
import type { VariableValue } from './interpolate.ts'

/** Copies of one panel at most. */
export const MOST_COPIES = 60

/** A panel as it is shown; `value` is what its variable stands for in this copy. */
type ShownPanel = BoardPanel & { value: string | null; variables: ReadonlyMap<string, VariableValue> }

/**
 * The panels of a board with each repeated one as often as its variable has values chosen, at most MOST_COPIES times. What
 * lies below makes room.
 */
export function repeatedPanels(
  panels: readonly BoardPanel[],
  variables: ReadonlyMap<string, VariableValue>,
): ShownPanel[] {
  const shown: ShownPanel[] = []
  let pushed = 0
  for (const panel of [...panels].sort((a, b) => a.y - b.y || a.x - b.x)) {
    const at = { ...panel, y: panel.y + pushed }
    const variable = panel.repeat?.variable ?? ''
    const own = variables.get(variable)
    const values = own?.values.slice(0, MOST_COPIES) ?? []
    if (!own || values.length === 0) {
      shown.push({ ...at, value: null, variables })
      continue
    }
    const perRow = Math.min(values.length, panel.repeat?.perRow ?? 1)
    const wide = perRow > 1
    const w = wide ? Math.floor(BOARD_COLUMNS / perRow) : panel.w
    values.forEach((value, i) => {
      shown.push({
        ...at,
        id: `${panel.id}:${value}`,
        x: wide ? (i % perRow) * w : panel.x,
        y: at.y + Math.floor(i / perRow) * panel.h,
        w,
        value,
        variables: new Map(variables).set(variable, { ...own, values: [value], all: false }),
      })
    })
    pushed += (Math.ceil(values.length / perRow) - 1) * panel.h
  }
  return compactCells(shown)
}

/** Repeated panels whose variable has more values than are shown, with how many it has. */
export function cutRepeats(
  panels: readonly BoardPanel[],
  variables: ReadonlyMap<string, VariableValue>,
): { title: string; values: number }[] {
  return panels
    .map(({ title, repeat }) => ({ title, values: variables.get(repeat?.variable ?? '')?.values.length ?? 0 }))
    .filter(({ values }) => values > MOST_COPIES)
}
