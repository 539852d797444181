import { type Labels, SampleKind, type SeriesSamples } from '../../model/series.ts'
import { seriesKey } from '../../model/series-key.ts'
import { floatLabel } from './metrics-to-samples.ts'

/** What one label set has of a family, with its points; times are ms. */
export interface Folded {
  labels: Labels
  points: Record<string, unknown>[]
}

/** The parts of one label set, by what they are; `edges` by their number. */
interface Parts {
  labels: Labels
  edges: { value: number; series: SeriesSamples }[]
  sum: SeriesSamples | null
  count: SeriesSamples | null
  all: SeriesSamples[]
  fits: boolean
}

/** Classic histograms made whole again; `loose` are series that do not hold together as one. */
export function foldHistograms(
  series: readonly SeriesSamples[],
  family: string,
): { folded: Folded[]; loose: SeriesSamples[] } {
  return fold(gather(series, family, '_bucket', 'le'), ({ edges, sum, count }) => {
    const last = edges.at(-1)
    if (!count || !last || last.value !== Number.POSITIVE_INFINITY) return null
    const bounds = edges.slice(0, -1).map(({ value }) => value)
    return pointsOf(
      count,
      [...edges.map((edge) => edge.series), ...(sum ? [sum] : [])],
      (row) => {
        const totals = edges.map((edge) => edge.series.values[row])
        const counts = totals.map((total, i) => total - (i === 0 ? 0 : totals[i - 1]))
        if (totals.at(-1) !== count.values[row] || !counts.every((one) => Number.isSafeInteger(one) && one >= 0))
          return null
        return {
          count: String(count.values[row]),
          ...(sum ? { sum: doubleOf(sum.values[row]) } : {}),
          explicitBounds: bounds,
          bucketCounts: counts.map(String),
        }
      },
      { explicitBounds: bounds },
    )
  })
}

/** Summaries made whole again. */
export function foldSummaries(
  series: readonly SeriesSamples[],
  family: string,
): { folded: Folded[]; loose: SeriesSamples[] } {
  return fold(gather(series, family, '', 'quantile'), ({ edges, sum, count }) => {
    if (!count || !sum) return null
    return pointsOf(
      count,
      [...edges.map((edge) => edge.series), sum],
      (row) => {
        if (!Number.isSafeInteger(count.values[row]) || count.values[row] < 0) return null
        return {
          count: String(count.values[row]),
          sum: doubleOf(sum.values[row]),
          quantileValues: edges.map(({ value, series: { values } }) => ({
            quantile: value,
            value: doubleOf(values[row]),
          })),
        }
      },
      { quantileValues: edges.map(({ value }) => ({ quantile: value, value: 0 })) },
    )
  })
}

const doubleOf = (value: number): number | string =>
  Number.isFinite(value) ? value : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'

function fold(
  parts: Parts[],
  points: (of: Parts) => Record<string, unknown>[] | null,
): { folded: Folded[]; loose: SeriesSamples[] } {
  const folded: Folded[] = []
  const loose: SeriesSamples[] = []
  for (const one of parts) {
    const made = one.fits ? points(one) : null
    if (made) folded.push({ labels: one.labels, points: made })
    else loose.push(...one.all)
  }
  return { folded, loose }
}

/** Series of a family by what they have in common. */
function gather(series: readonly SeriesSamples[], family: string, edgeSuffix: string, edgeLabel: string): Parts[] {
  const groups = new Map<string, Parts>()
  for (const one of series) {
    const name = one.labels.find(([key]) => key === '__name__')?.[1] ?? ''
    const edge = one.labels.find(([key]) => key === edgeLabel)?.[1]
    const isEdge = name === family + edgeSuffix && edge !== undefined
    const labels = one.labels.filter(([key]) => key !== '__name__' && !(isEdge && key === edgeLabel))
    const key = seriesKey(labels)
    const parts = groups.get(key) ?? { labels, edges: [], sum: null, count: null, all: [], fits: true }
    groups.set(key, parts)
    parts.all.push(one)
    if (isEdge) {
      const value = Number(edge.replace('Inf', 'Infinity'))
      // A bound that would come back under another name stays what it is.
      if (floatLabel(value) === edge) parts.edges.push({ value, series: one })
      else parts.fits = false
    } else if (name === `${family}_sum`) parts.sum = one
    else if (name === `${family}_count`) parts.count = one
    else parts.fits = false
  }
  for (const { edges } of groups.values()) edges.sort((a, b) => a.value - b.value)
  return [...groups.values()]
}

/** Points at the times of `lead`; null as soon as the others have other times or kinds, or a point does not hold together. */
function pointsOf(
  lead: SeriesSamples,
  others: readonly SeriesSamples[],
  point: (row: number) => Record<string, unknown> | null,
  ofStale: Record<string, unknown>,
): Record<string, unknown>[] | null {
  const kindAt = ({ kinds }: SeriesSamples, row: number): number => kinds?.[row] ?? SampleKind.float
  const points: Record<string, unknown>[] = []
  if (others.some(({ times }) => times.length !== lead.times.length)) return null
  for (let row = 0; row < lead.times.length; row++) {
    const time = lead.times[row]
    const kind = kindAt(lead, row)
    if (others.some((one) => one.times[row] !== time || kindAt(one, row) !== kind)) return null
    const made = kind === SampleKind.stale ? { ...ofStale, flags: 1 } : point(row)
    if (!made) return null
    points.push({ timeUnixNano: `${time}000000`, ...made })
  }
  return points
}
