import type { CallExpr, Expr, SubqueryExpr, VectorSelector } from '../syntax/ast.ts'
import { absentLabels } from './absent.ts'
import { metricName } from './labels.ts'
import { finish } from './output.ts'
import { evaluationError, type QueryRun, type Steps } from './query-run.ts'
import { ANCHORED_SAFE, KEEPS_NAME, RANGE_FUNCTIONS, SMOOTHED_SAFE } from './range-functions.ts'
import {
  FLOAT,
  HISTOGRAM,
  NONE,
  newStepSeries,
  type SampleSeries,
  type StepSeries,
  setHistogram,
  splitSeries,
} from './series.ts'
import { namelessLabels } from './vector-functions.ts'
import { type RangeFunction, Window } from './window.ts'

/** The evaluator as far as range functions need it. */
interface RangeEvaluator {
  readonly run: QueryRun
  readonly steps: Steps
  scalar(expr: Expr): Float64Array
  subquery(node: SubqueryExpr): SampleSeries[]
}

/** What a range function reads: a selector's samples or a subquery's. */
interface Source {
  series: SampleSeries[]
  range: number
  offset: number
  /** `@`: the window stays where it is at the first step. */
  fixed: boolean
  selector: VectorSelector | null
}

/** Calls a function of a range vector for each series at each step. */
export function evaluateRangeCall(evaluator: RangeEvaluator, node: CallExpr): StepSeries[] {
  const { name } = node.func
  const { run, steps } = evaluator
  const rangeIndex = node.args.findIndex((arg) => arg.kind === 'matrix' || arg.kind === 'subquery')
  const source = sourceOf(evaluator, node, rangeIndex)
  const scalars = node.args.filter((_, i) => i !== rangeIndex).map((arg) => evaluator.scalar(arg))
  const { selector } = source
  if (selector?.anchored && !ANCHORED_SAFE.includes(name))
    throw evaluationError(`anchored modifier can only be used with: ${ANCHORED_SAFE.join(', ')} - not with ${name}`)
  if (selector?.smoothed && !SMOOTHED_SAFE.includes(name))
    throw evaluationError(`smoothed modifier can only be used with: ${SMOOTHED_SAFE.join(', ')} - not with ${name}`)
  const window = new Window(run.notes)
  window.firstAt = node.args[0].start
  window.rangeAt = node.args[rangeIndex].start
  window.anchored = selector?.anchored ?? false
  window.smoothed = selector?.smoothed ?? false
  window.rangeSeconds = source.range / 1000
  // Where aggregates stand in for samples, storage has counted them.
  const counted = selector !== null && run.counted.has(selector)
  const compute = RANGE_FUNCTIONS.get(counted ? 'sum_over_time' : name) as RangeFunction
  const dropName = !KEEPS_NAME.has(name)
  const outputs: StepSeries[] = []
  for (const series of source.series) {
    run.check()
    const drops = dropName || series.dropName
    const labels = drops ? namelessLabels(series.labels, run.delayedNames) : series.labels
    const out = newStepSeries(labels, drops, steps.count)
    slide(evaluator, source, series, window, scalars, compute, out)
    outputs.push(out)
    if ((name === 'rate' || name === 'increase') && out.kinds.includes(FLOAT)) {
      const metric = metricName(series.labels)
      if (metric !== '' && !/_(total|sum|count|bucket)$/.test(metric))
        run.notes.possibleNonCounter(metric, node.args[0].start)
    }
  }
  if (name === 'absent_over_time') return absentOverTime(evaluator, node, outputs)
  // Series that become one by losing their names are an error here, whatever their steps.
  return finish(outputs, 1, run.delayedNames)
}

function sourceOf(evaluator: RangeEvaluator, node: CallExpr, index: number): Source {
  const arg = node.args[index]
  if (arg.kind === 'matrix') {
    const { selector } = arg
    return {
      series: evaluator.run.loaded.get(selector) ?? [],
      range: arg.range,
      offset: selector.offset,
      fixed: selector.timestamp !== null,
      selector,
    }
  }
  const subquery = arg as SubqueryExpr
  const series = evaluator.subquery(subquery)
  const { timestamp, originalOffset, offset, range } = subquery
  return {
    series,
    range,
    offset: timestamp === null ? offset : originalOffset + evaluator.steps.start - timestamp,
    fixed: timestamp !== null,
    selector: null,
  }
}

let serial = 0

/** Moves the window over the series, step by step; both ends only ever move on. */
function slide(
  evaluator: RangeEvaluator,
  source: Source,
  series: SampleSeries,
  window: Window,
  scalars: Float64Array[],
  compute: RangeFunction,
  out: StepSeries,
): void {
  const { start, step: width, count } = evaluator.steps
  const { lookbackMs } = evaluator.run.settings
  const { floatTimes, floats, histogramTimes, histograms } = splitSeries(series)
  const before = source.range + (window.anchored || window.smoothed ? lookbackMs : 0)
  const after = window.smoothed ? lookbackMs : 0
  window.serial = ++serial
  window.labels = series.labels
  window.floatTimes = floatTimes
  window.floats = floats
  window.histogramTimes = histogramTimes
  window.histograms = histograms
  window.scalars.length = scalars.length
  const floatCount = floatTimes.length
  const histogramCount = histogramTimes.length
  let floatFrom = 0
  let floatTo = 0
  let histogramFrom = 0
  let histogramTo = 0
  for (let step = 0; step < count; step++) {
    const time = start + step * width
    const end = time - source.offset
    if (step === 0 || !source.fixed) {
      const min = end - before
      const max = end + after
      while (floatFrom < floatCount && floatTimes[floatFrom] <= min) floatFrom++
      if (floatTo < floatFrom) floatTo = floatFrom
      while (floatTo < floatCount && floatTimes[floatTo] <= max) floatTo++
      while (histogramFrom < histogramCount && histogramTimes[histogramFrom] <= min) histogramFrom++
      if (histogramTo < histogramFrom) histogramTo = histogramFrom
      while (histogramTo < histogramCount && histogramTimes[histogramTo] <= max) histogramTo++
      window.floatFrom = floatFrom
      window.floatTo = floatTo
      window.histogramFrom = histogramFrom
      window.histogramTo = histogramTo
    }
    if (floatTo === floatFrom && histogramTo === histogramFrom) continue
    window.time = time
    window.rangeStart = end - source.range
    window.rangeEnd = end
    for (let i = 0; i < scalars.length; i++) window.scalars[i] = scalars[i][step]
    const kind = compute(window)
    if (kind === FLOAT) {
      out.kinds[step] = FLOAT
      out.values[step] = window.value
    } else if (kind === HISTOGRAM && window.histogram) setHistogram(out, step, window.histogram)
  }
}

function absentOverTime(evaluator: RangeEvaluator, node: CallExpr, found: StepSeries[]): StepSeries[] {
  const { count } = evaluator.steps
  const out = newStepSeries(absentLabels(node.args[0]), true, count)
  for (let step = 0; step < count; step++)
    if (!found.some((series) => series.kinds[step] !== NONE)) {
      out.kinds[step] = FLOAT
      out.values[step] = 1
    }
  return finish([out], count, evaluator.run.delayedNames)
}
