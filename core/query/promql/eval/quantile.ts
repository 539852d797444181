/** The quantile of plain values, interpolated between neighbours; NaN sorts lowest. `values` is sorted in place. */
export function quantileOf(q: number, values: Float64Array): number {
  if (values.length === 0 || Number.isNaN(q)) return Number.NaN
  if (q < 0) return Number.NEGATIVE_INFINITY
  if (q > 1) return Number.POSITIVE_INFINITY
  values.sort()
  const nan = values.length - countNan(values)
  if (nan < values.length) {
    // The typed array's own order puts NaN last.
    values.copyWithin(values.length - nan, 0, nan)
    values.fill(Number.NaN, 0, values.length - nan)
  }
  const rank = q * (values.length - 1)
  const lower = Math.max(0, Math.floor(rank))
  const upper = Math.min(values.length - 1, lower + 1)
  const weight = rank - Math.floor(rank)
  return values[lower] * (1 - weight) + values[upper] * weight
}

function countNan(values: Float64Array): number {
  let count = 0
  for (let i = values.length - 1; i >= 0 && Number.isNaN(values[i]); i--) count++
  return count
}
