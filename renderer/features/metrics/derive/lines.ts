import {
  differingLabels,
  figuresOf,
  labelsText,
  largest,
  legendText,
  type ResultSeries,
  type SeriesFigures,
} from './matrix.ts'

/** Lines drawn at once; the rest is said, and stands in the table. */
const MOST_DRAWN = 20
const SLOTS = 12

/** A series of one of the queries as the screen shows it. */
export interface ResultLine extends ResultSeries {
  /** Unique and the same from run to run. */
  id: string
  /** Place of its query. */
  query: number
  name: string
  /** The labels in which it differs from the others, or all when it is alone. */
  short: string
  colour: string
  dash: 'solid' | 'dashed' | 'dotted'
  figures: SeriesFigures
  drawn: boolean
}

export interface QueryResult {
  series: readonly ResultSeries[]
  label: string
  expr: string
}

const DASHES = ['solid', 'dashed', 'dotted'] as const

/**
 * The service a series belongs to: as our own metrics name it, or its job, which is what OpenTelemetry's service becomes,
 * where there is a service of that name.
 */
export function serviceOf(labels: Record<string, string>, isService: (name: string) => boolean): string | null {
  const job = labels['job']?.split('/').at(-1)
  return labels['service_name'] ?? labels['service'] ?? (job && isService(job) ? job : null)
}

/**
 * Every series of every query as a line: a name, a colour, and whether it is among the largest that are drawn. Where the
 * series differ by service, each has its service's colour; else colours go by place, with a dash once they start over.
 */
export function resultLines(
  queries: readonly QueryResult[],
  serviceSlot: (service: string) => number,
  isService: (name: string) => boolean = () => false,
  most = MOST_DRAWN,
): ResultLine[] {
  const all = queries.flatMap(({ series, label, expr }, query) => {
    const differ = differingLabels(series)
    return series.map((one) => {
      const short = Object.fromEntries(Object.entries(one.labels).filter(([key]) => differ.includes(key)))
      const name = label !== '' ? legendText(label, one.labels) : nameOf(one.labels, expr)
      return { one, query, name, short: label !== '' ? name : differ.length > 0 ? labelsText(short) : name }
    })
  })
  const services = all.map(({ one }) => serviceOf(one.labels, isService))
  const byService = all.length > 1 && services.every((one) => one !== null) && new Set(services).size === all.length
  const drawn = new Set(
    largest(
      all.map(({ one }) => one),
      most,
    ),
  )
  const seen = new Map<string, number>()
  let place = 0
  return all.map(({ one, query, name, short }, index) => {
    const key = `${query} ${labelsText(one.labels)}`
    const again = seen.get(key) ?? 0
    seen.set(key, again + 1)
    const isDrawn = drawn.has(one)
    const slot = byService ? serviceSlot(services[index] ?? '') : (place % SLOTS) + 1
    const dash = byService ? 'solid' : DASHES[Math.floor(place / SLOTS) % 3]
    if (isDrawn) place++
    return {
      ...one,
      id: again === 0 ? key : `${key} ${again}`,
      query,
      name: name || '{}',
      short: short || name || '{}',
      colour: isDrawn ? `--svc-${slot}` : '--text-3',
      dash,
      figures: figuresOf(one),
      drawn: isDrawn,
    }
  })
}

/** An empty set of labels is named by the expression: there is nothing else to tell it by. */
function nameOf(labels: Record<string, string>, expr: string): string {
  return Object.keys(labels).length > 0 ? labelsText(labels) : expr.replaceAll(/\s+/g, ' ').trim()
}

/** Values piled up in the order of the lines; a gap counts as nothing. All lines must have the times in `times`. */
export function stackValues(lines: readonly Pick<ResultSeries, 'times' | 'values'>[]): (number | null)[][] {
  const sums = new Map<number, number>()
  return lines.map(({ times, values }) =>
    times.map((time, i) => {
      const value = values[i]
      if (!Number.isFinite(value)) return null
      const sum = (sums.get(time) ?? 0) + value
      sums.set(time, sum)
      return sum
    }),
  )
}
