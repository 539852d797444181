import { compareLabels, labelValue } from './labels.ts'
import { FLOAT, type StepSeries } from './series.ts'

/** NaN last whichever way; stable. */
export function compareValues(a: number, b: number, descending: boolean): number {
  if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1
  if (Number.isNaN(b)) return -1
  if (a === b) return 0
  return a < b === descending ? 1 : -1
}

/** `a10` after `a9`: runs of digits compare as numbers, the rest as text. */
function naturalCompare(a: string, b: string): number {
  const chunks = (text: string): string[] => text.match(/\d+|\D+/g) ?? []
  const left = chunks(a)
  const right = chunks(b)
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const [x, y] = [left[i], right[i]]
    if (x === y) continue
    const numbers = /^\d/.test(x) && /^\d/.test(y)
    if (numbers && Number(x) !== Number(y)) return Number(x) - Number(y)
    return x < y ? -1 : 1
  }
  return left.length - right.length
}

/** sort, sort_desc: floats of a single step by value; histograms go away. */
export function sortByValue(input: StepSeries[], descending: boolean): StepSeries[] {
  const floats = input.filter((series) => series.kinds.some((kind) => kind === FLOAT))
  if (floats.length > 0 && floats[0].kinds.length > 1)
    return floats.map((series) => ({ ...series, kinds: series.kinds.map((kind) => (kind === FLOAT ? FLOAT : 0)) }))
  return floats.sort((a, b) => compareValues(a.values[0], b.values[0], descending))
}

export function sortByLabel(input: StepSeries[], names: string[], descending: boolean): StepSeries[] {
  const sign = descending ? -1 : 1
  return [...input].sort((a, b) => {
    for (const name of names) {
      const order = naturalCompare(labelValue(a.labels, name), labelValue(b.labels, name))
      if (order !== 0) return sign * order
    }
    return sign * compareLabels(a.labels, b.labels)
  })
}
