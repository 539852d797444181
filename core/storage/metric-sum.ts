import { type DaySum, hex32, RowHash } from './content-sum.ts'
import type { MovedSamples } from './metric-move.ts'
import { lowerBound } from './sqlite/metrics/head-series.ts'

const DAY_MS = 86_400_000
const encoder = new TextEncoder()

/** Samples of a series apart by UTC day, each day in memory of its own. */
export function byDay(samples: MovedSamples): MovedSamples[] {
  const days: MovedSamples[] = []
  const { times, values, kinds, histograms } = samples
  for (let from = 0; from < times.length; ) {
    const to = lowerBound(times, (Math.floor(times[from] / DAY_MS) + 1) * DAY_MS)
    days.push({
      ...samples,
      times: times.slice(from, to),
      values: values.slice(from, to),
      kinds: kinds?.slice(from, to) ?? null,
      histograms: histograms?.slice(from, to) ?? null,
    })
    from = to
  }
  return days
}

/** Counts and sums by day of samples that are apart by day, the same whatever the engine. */
export function metricSums(samples: readonly MovedSamples[]): DaySum[] {
  const days = new Map<number, { rows: number; a: number; b: number }>()
  const hash = new RowHash()
  for (const { key, kind, part, times, values, kinds, histograms } of samples) {
    const day = Math.floor(times[0] / DAY_MS)
    let one = days.get(day)
    if (!one) {
      one = { rows: 0, a: 0, b: 0 }
      days.set(day, one)
    }
    hash.reset()
    const name = encoder.encode(key.toWellFormed())
    hash.bytes(name, 0, name.length)
    hash.word(kind * 8 + part)
    const { a, b } = hash
    for (let i = 0; i < times.length; i++) {
      hash.a = a
      hash.b = b
      hash.float(times[i])
      hash.word(kinds?.[i] ?? 0)
      const histogram = histograms?.[i]
      if (histogram) {
        const text = encoder.encode(JSON.stringify(histogram))
        hash.bytes(text, 0, text.length)
      } else hash.float(Number.isNaN(values[i]) ? Number.NaN : values[i])
      hash.finish()
      one.rows++
      one.a = (one.a + hash.a) | 0
      one.b = (one.b + hash.b) | 0
    }
  }
  return [...days].map(([day, { rows, a, b }]) => ({ signal: 'metrics', day, rows, sum: hex32(a) + hex32(b) }))
}
