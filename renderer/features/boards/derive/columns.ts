import type { ResultLine } from '../../metrics/derive/lines.ts'

export interface TableRow {
  id: string
  /** By label name. */
  labels: Record<string, string>
  /** By query. */
  values: (number | null)[]
}

/** Rows of a table panel: series of several queries with the same labels share one. */
export function tableRows(lines: readonly ResultLine[], queries: number): { labels: string[]; rows: TableRow[] } {
  const rows = new Map<string, TableRow>()
  const names = new Set<string>()
  for (const line of lines) {
    const labels = Object.fromEntries(Object.entries(line.labels).filter(([name]) => name !== '__name__'))
    for (const name of Object.keys(labels)) names.add(name)
    const id = JSON.stringify(Object.entries(labels).sort())
    const row = rows.get(id) ?? { id, labels, values: new Array<number | null>(queries).fill(null) }
    rows.set(id, row)
    row.values[line.query] = line.values.at(-1) ?? line.histograms.at(-1)?.count ?? null
  }
  return { labels: [...names].sort(), rows: [...rows.values()] }
}
