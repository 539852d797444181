/** Columns of the trace list; `cols` in the address names those shown, in their order. */
export const TRACE_COLUMNS = [
  { key: 'status', width: '88px' },
  { key: 'request', width: 'minmax(140px, 1fr)' },
  { key: 'most', width: 'minmax(160px, 252px)' },
  { key: 'latency', width: '178px' },
  { key: 'services', width: '112px' },
  { key: 'errors', width: '72px' },
  { key: 'spans', width: '64px' },
  { key: 'started', width: 'minmax(132px, max-content)' },
  { key: 'id', width: '124px' },
] as const

export type ColumnKey = (typeof TRACE_COLUMNS)[number]['key']

const USUAL: ColumnKey[] = ['status', 'request', 'most', 'latency', 'services', 'spans', 'started', 'id']
export const LAYOUTS = {
  narrow: ['status', 'request', 'latency', 'services'] as ColumnKey[],
  strip: ['status', 'request', 'latency'] as ColumnKey[],
}
const NARROW_WIDTHS: Partial<Record<ColumnKey, string>> = {
  status: '76px',
  request: 'minmax(0, 1fr)',
  latency: '174px',
  services: '100px',
}

const isColumn = (key: string): key is ColumnKey => TRACE_COLUMNS.some((column) => column.key === key)

/** What `cols` says, unknown names and repeats left out; the usual ones when it says nothing. The request is always there. */
export function readColumns(text: string): ColumnKey[] {
  const named = [...new Set(text.split(',').filter(isColumn))]
  if (named.length === 0) return USUAL
  return named.includes('request') ? named : ['request', ...named]
}

/** As the address writes it; undefined for the usual ones. */
export function writeColumns(columns: readonly ColumnKey[]): string | undefined {
  const text = columns.join(',')
  return text === USUAL.join(',') ? undefined : text
}

export function gridTemplate(columns: readonly ColumnKey[], layout: 'wide' | 'narrow' | 'strip'): string {
  return columns
    .map((key) => {
      if (layout === 'strip' && key === 'latency') return '78px'
      const narrow = layout === 'wide' ? undefined : NARROW_WIDTHS[key]
      return narrow ?? TRACE_COLUMNS.find((column) => column.key === key)?.width ?? '100px'
    })
    .join(' ')
}
