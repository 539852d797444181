import type { MatrixSeries } from './answer.ts'

/**
 * At most `most` points of a series: of each of `most / 2` equal parts of the time the lowest and the highest, so that no
 * peak is lost. Histograms and shorter series stay as they are. @param start @param end ms of the whole query
 */
export function thinSeries(series: MatrixSeries, start: number, end: number, most: number): MatrixSeries {
  const { times, values } = series
  if (times.length <= most || series.histograms !== null) return series
  const parts = Math.max(1, Math.floor(most / 2))
  const width = Math.max(1, (end - start + 1) / parts)
  const kept = new Float64Array(parts * 2)
  let count = 0
  let from = 0
  while (from < times.length) {
    const part = Math.floor((times[from] - start) / width)
    let least = from
    let highest = from
    let to = from
    for (; to < times.length && Math.floor((times[to] - start) / width) === part; to++) {
      if (values[to] < values[least] || Number.isNaN(values[least])) least = to
      if (values[to] > values[highest] || Number.isNaN(values[highest])) highest = to
    }
    kept[count++] = Math.min(least, highest)
    if (least !== highest) kept[count++] = Math.max(least, highest)
    from = to
  }
  // The newest point is what people read first.
  if (count > 0) kept[count - 1] = Math.max(kept[count - 1], times.length - 1)
  const pick = (column: Float64Array): Float64Array => Float64Array.from(kept.subarray(0, count), (i) => column[i])
  return { labels: series.labels, times: pick(times), values: pick(values), histograms: null }
}
