import type { BoardThreshold, Reducer } from '../../../../core/model/board.ts'

/** One number of a series; null when it has none. */
export function reduceValues(values: readonly number[], reduce: Reducer): number | null {
  const finite = values.filter(Number.isFinite)
  if (reduce === 'count') return finite.length
  if (finite.length === 0) return values.length > 0 && reduce === 'last' ? (values.at(-1) ?? null) : null
  switch (reduce) {
    case 'last':
      return finite.at(-1) ?? null
    case 'mean':
      return finite.reduce((sum, one) => sum + one, 0) / finite.length
    case 'min':
      return finite.reduce((least, one) => Math.min(least, one))
    case 'max':
      return finite.reduce((most, one) => Math.max(most, one))
    default:
      return finite.reduce((sum, one) => sum + one, 0)
  }
}

/** The level that a value has reached. */
export function levelOf(value: number | null, thresholds: readonly BoardThreshold[]): BoardThreshold['level'] {
  if (value === null || Number.isNaN(value)) return 'none'
  let level: BoardThreshold['level'] = 'none'
  for (const one of thresholds) if (one.value === null || value >= one.value) level = one.level
  return level
}

/** The ends of a gauge: as set, else 0 to a round number above what is shown. */
export function gaugeEnds(
  values: readonly (number | null)[],
  min: number | null,
  max: number | null,
  share: boolean,
): { low: number; high: number } {
  const known = values.filter((one): one is number => one !== null && Number.isFinite(one))
  const low = min ?? Math.min(0, ...known)
  if (max !== null && max > low) return { low, high: max }
  const most = Math.max(share ? 1 : 0, ...known)
  const size = 10 ** Math.floor(Math.log10(Math.max(most - low, 1e-9)))
  const high = low + ([1, 2, 5, 10].find((step) => step * size >= most - low) ?? 10) * size
  return { low, high: high > low ? high : low + 1 }
}
