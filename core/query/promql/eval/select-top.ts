import type { AggregateExpr } from '../syntax/ast.ts'
import { groupSeries } from './aggregate.ts'
import { ratioOffset } from './labels.ts'
import { evaluationError, type QueryRun, type Steps } from './query-run.ts'
import { copyStep, HISTOGRAM, NONE, newStepSeries, type StepSeries } from './series.ts'
import { compareValues } from './sort-functions.ts'
import type { ScalarArgument } from './vector-functions.ts'

const MAX_INT64 = 2 ** 63

interface Extent {
  max: number
  min: number
  nan: boolean
}

function extentOf(param: ScalarArgument): Extent {
  const extent: Extent = { max: -Number.MAX_VALUE, min: Number.MAX_VALUE, nan: false }
  for (const value of param) {
    if (Number.isNaN(value)) extent.nan = true
    extent.max = Math.max(extent.max, value)
    extent.min = Math.min(extent.min, value)
  }
  return extent
}

/** topk, bottomk, limitk, limit_ratio: input series, each at the steps where it is among those chosen. */
export function selectSeries(
  node: AggregateExpr,
  input: StepSeries[],
  param: ScalarArgument,
  steps: Steps,
  run: QueryRun,
): StepSeries[] {
  const { op } = node
  const at = node.param?.start ?? node.start
  const extent = extentOf(param)
  if (op === 'limit_ratio') {
    if (extent.max === 0 && extent.min === 0) return []
    if (extent.nan) throw evaluationError('Ratio value is NaN')
    if (extent.max > 1) run.notes.invalidRatio(extent.max, 1, at)
    if (extent.min < -1) run.notes.invalidRatio(extent.min, -1, at)
  } else {
    if (extent.max < 1) return []
    if (extent.nan) throw evaluationError('Parameter value is NaN')
    if (extent.min <= -MAX_INT64) throw evaluationError(`Scalar value ${extent.min} underflows int64`)
    if (extent.max >= MAX_INT64) throw evaluationError(`Scalar value ${extent.max} overflows int64`)
  }
  const groups = groupSeries(node, input)
  const members = groups.labels.map((): number[] => [])
  input.forEach((_, i) => void members[groups.of[i]].push(i))
  const outputs = new Map<number, StepSeries>()
  const offsets = op === 'limit_ratio' ? input.map((series) => ratioOffset(series.labels)) : []
  const chosen: number[] = []
  for (let step = 0; step < steps.count; step++) {
    if ((step & 63) === 0) run.check()
    const value = param[step]
    for (const group of members) {
      chosen.length = 0
      for (const i of group) if (input[i].kinds[step] !== NONE) chosen.push(i)
      for (const i of choose(node, input, chosen, value, step, offsets, run)) {
        let out = outputs.get(i)
        if (!out) {
          out = newStepSeries(input[i].labels, input[i].dropName, steps.count)
          outputs.set(i, out)
        }
        copyStep(input[i], out, step)
      }
    }
  }
  return [...outputs.values()]
}

function choose(
  node: AggregateExpr,
  input: StepSeries[],
  present: number[],
  param: number,
  step: number,
  offsets: number[],
  run: QueryRun,
): number[] {
  const { op } = node
  if (op === 'limit_ratio') {
    const ratio = Math.max(-1, Math.min(1, param))
    return present.filter((i) => (ratio >= 0 ? offsets[i] < ratio : offsets[i] >= 1 + ratio))
  }
  const k = Math.trunc(param)
  if (k < 1) return []
  if (op === 'limitk') return present.slice(0, k)
  const floats = present.filter((i) => input[i].kinds[step] !== HISTOGRAM)
  if (floats.length < present.length) run.notes.histogramIgnored(op, node.start)
  return floats.sort((a, b) => compareValues(input[a].values[step], input[b].values[step], op === 'topk')).slice(0, k)
}
