import type { RestorePlan } from '../../../../core/api/contract/shapes.ts'

export interface PlanRow {
  /** `traces`, `logs`, `metrics`, or a table of the configuration. */
  what: string
  signal: boolean
  adds: number
  replaces: number
  removes: number
  /** First and last UTC day that comes in; null when nothing does. */
  from: string | null
  to: string | null
}

/** What a restore would change, one row a signal and a table of the configuration; tables that stay as they are come last. */
export function planRows(plan: RestorePlan): PlanRow[] {
  const signals = ['traces', 'logs', 'metrics'] as const
  const rows: PlanRow[] = signals.flatMap((what) => {
    const days = plan.days.filter(({ signal }) => signal === what)
    if (days.length === 0 && plan.removed[what] === 0) return []
    const coming = days.filter(({ rows }) => rows > 0)
    return {
      what,
      signal: true,
      adds: coming.reduce((sum, { rows }) => sum + rows, 0),
      replaces: 0,
      removes: plan.removed[what],
      from: coming[0]?.day ?? null,
      to: coming[coming.length - 1]?.day ?? null,
    }
  })
  const config = plan.config.map(({ table, added, changed, removed }) => ({
    what: table,
    signal: false,
    adds: added,
    replaces: changed,
    removes: removed,
    from: null,
    to: null,
  }))
  const changes = (row: PlanRow): number => Number(row.adds + row.replaces + row.removes > 0)
  return [...config.sort((a, b) => changes(b) - changes(a)), ...rows]
}
