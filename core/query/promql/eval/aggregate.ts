import type { Labels } from '../../../model/series.ts'
import { type FloatHistogram, histogramText } from '../histogram/float-histogram.ts'
import { HistogramSum, kahanError } from '../histogram/sum.ts'
import type { AggregateExpr } from '../syntax/ast.ts'
import { plainFloat } from '../syntax/text.ts'
import { dropLabels, keepLabels, labelsKey, metricName, NO_LABELS, partKey, withLabel } from './labels.ts'
import { quantileOf } from './quantile.ts'
import type { QueryRun, Steps } from './query-run.ts'
import { HistogramMean } from './range-functions.ts'
import { FLOAT, HISTOGRAM, NONE, newStepSeries, type StepSeries, setFloat, setHistogram } from './series.ts'
import type { ScalarArgument } from './vector-functions.ts'

export interface Groups {
  /** Group of each input series. */
  of: Uint32Array
  labels: Labels[]
}

/** Sorts series into groups by the `by` or `without` labels. */
export function groupSeries(node: AggregateExpr, input: readonly StepSeries[]): Groups {
  const names = new Set(node.grouping)
  const { without } = node
  const keyNames = without ? new Set([...names, '__name__']) : names
  const numbers = new Map<string, number>()
  const labels: Labels[] = []
  const of = new Uint32Array(input.length)
  input.forEach((series, i) => {
    const key = !without && names.size === 0 ? '' : partKey(series.labels, keyNames, without)
    let number = numbers.get(key)
    if (number === undefined) {
      number = numbers.size
      numbers.set(key, number)
      if (without) labels.push(dropLabels(series.labels, keyNames))
      else labels.push(names.size > 0 ? keepLabels(series.labels, names) : NO_LABELS)
    }
    of[i] = number
  })
  return { of, labels }
}

/** sum, avg, count, min, max, group, stddev, stdvar, quantile: one output series a group. */
export function aggregate(
  node: AggregateExpr,
  input: StepSeries[],
  param: ScalarArgument | null,
  steps: Steps,
  run: QueryRun,
): StepSeries[] {
  const groups = groupSeries(node, input)
  const members = groups.labels.map((): StepSeries[] => [])
  input.forEach((series, i) => void members[groups.of[i]].push(series))
  if (node.op === 'quantile' && param && node.param) noteQuantiles(run, param, node.param.start)
  return members.map((series, i) => {
    run.check()
    const out = newStepSeries(groups.labels[i], false, steps.count)
    const plain = series.every((one) => one.histograms === null)
    const dropNames = series.some((one) => one.dropName)
    if (plain && FAST[node.op]) FAST[node.op](series, out)
    else slow(node, series, out, param, run)
    out.dropName = dropNames && lastHasDropped(series, steps.count)
    return out
  })
}

/** The name goes away if that of any member at the last step with samples does. */
function lastHasDropped(series: StepSeries[], steps: number): boolean {
  for (let step = steps - 1; step >= 0; step--) {
    const there = series.filter((one) => one.kinds[step] !== NONE)
    if (there.length > 0) return there.some((one) => one.dropName)
  }
  return false
}

function noteQuantiles(run: QueryRun, param: ScalarArgument, at: number): void {
  let max = -Number.MAX_VALUE
  let min = Number.MAX_VALUE
  let nan = false
  for (const q of param) {
    if (Number.isNaN(q)) nan = true
    if (q > max) max = q
    if (q < min) min = q
  }
  if (nan) run.notes.invalidQuantile(Number.NaN, at)
  if (max > 1) run.notes.invalidQuantile(max, at)
  if (min < 0) run.notes.invalidQuantile(min, at)
}

type FastAggregate = (series: StepSeries[], out: StepSeries) => void

/** Column by column, over floats only. */
const FAST: Record<string, FastAggregate> = {
  sum(series, out) {
    const { kinds, values } = out
    const errors = new Float64Array(kinds.length)
    for (const { kinds: from, values: floats } of series)
      for (let step = 0; step < kinds.length; step++) {
        if (from[step] === NONE) continue
        if (kinds[step] === NONE) {
          kinds[step] = FLOAT
          values[step] = floats[step]
          continue
        }
        const sum = values[step]
        errors[step] = kahanError(sum, floats[step], errors[step])
        values[step] = sum + floats[step]
      }
    for (let step = 0; step < kinds.length; step++) values[step] += errors[step]
  },
  count(series, out) {
    for (const { kinds } of series)
      for (let step = 0; step < kinds.length; step++)
        if (kinds[step] !== NONE) {
          out.kinds[step] = FLOAT
          out.values[step]++
        }
  },
  group(series, out) {
    for (const { kinds } of series)
      for (let step = 0; step < kinds.length; step++) if (kinds[step] !== NONE) setFloat(out, step, 1)
  },
  max(series, out) {
    extreme(series, out, (best, value) => best < value)
  },
  min(series, out) {
    extreme(series, out, (best, value) => best > value)
  },
}

function extreme(series: StepSeries[], out: StepSeries, worse: (best: number, value: number) => boolean): void {
  const { kinds, values } = out
  for (const { kinds: from, values: floats } of series)
    for (let step = 0; step < kinds.length; step++) {
      if (from[step] === NONE) continue
      if (kinds[step] === NONE || worse(values[step], floats[step]) || Number.isNaN(values[step])) {
        kinds[step] = FLOAT
        values[step] = floats[step]
      }
    }
}

/** Any operator, with histograms among the samples. */
function slow(
  node: AggregateExpr,
  series: StepSeries[],
  out: StepSeries,
  param: ScalarArgument | null,
  run: QueryRun,
): void {
  const floats: number[] = []
  const histograms: { histogram: FloatHistogram; name: string }[] = []
  for (let step = 0; step < out.kinds.length; step++) {
    floats.length = 0
    histograms.length = 0
    for (const one of series) {
      if (one.kinds[step] === FLOAT) floats.push(one.values[step])
      else if (one.kinds[step] === HISTOGRAM)
        histograms.push({ histogram: (one.histograms as FloatHistogram[])[step], name: metricName(one.labels) })
    }
    if (floats.length + histograms.length === 0) continue
    const at = node.expr.start
    if (node.op === 'count') setFloat(out, step, floats.length + histograms.length)
    else if (node.op === 'group') setFloat(out, step, 1)
    else if (node.op === 'sum' || node.op === 'avg') {
      if (floats.length > 0 && histograms.length > 0) run.notes.mixedFloatsHistogramsAggregation(at)
      else if (floats.length > 0) setFloat(out, step, node.op === 'sum' ? kahanSum(floats) : mean(floats))
      else {
        const result = addUp(node.op, histograms, run, at)
        if (result) setHistogram(out, step, result)
      }
    } else {
      if (histograms.length > 0) run.notes.histogramIgnored(node.op, at)
      if (floats.length === 0) continue
      setFloat(out, step, ofFloats(node.op, floats, param?.[step] ?? 0))
    }
  }
}

function ofFloats(op: string, floats: number[], q: number): number {
  if (op === 'quantile') return quantileOf(q, Float64Array.from(floats))
  if (op === 'max' || op === 'min')
    return floats.reduce((best, value) =>
      (op === 'max' ? best < value : best > value) || Number.isNaN(best) ? value : best,
    )
  const first = floats[0]
  let average = first
  let sum = Number.isFinite(first) ? 0 : Number.NaN
  for (let i = 1; i < floats.length; i++) {
    const delta = floats[i] - average
    average += delta / (i + 1)
    sum += delta * (floats[i] - average)
  }
  const variance = sum / floats.length
  return op === 'stdvar' ? variance : Math.sqrt(variance)
}

function kahanSum(floats: number[]): number {
  let sum = floats[0]
  let error = 0
  for (let i = 1; i < floats.length; i++) {
    error = kahanError(sum, floats[i], error)
    sum += floats[i]
  }
  return sum + error
}

function mean(floats: number[]): number {
  let sum = floats[0]
  let average = 0
  let error = 0
  let incremental = false
  for (let i = 1; i < floats.length; i++) {
    const count = i + 1
    if (!incremental) {
      const total = sum + floats[i]
      if (total !== Number.POSITIVE_INFINITY && total !== Number.NEGATIVE_INFINITY) {
        error = kahanError(sum, floats[i], error)
        sum = total
        continue
      }
      incremental = true
      average = sum / (count - 1)
      error /= count - 1
    }
    const q = (count - 1) / count
    error = kahanError(q * average, floats[i] / count, q * error)
    average = q * average + floats[i] / count
  }
  return incremental ? average + error : sum / floats.length + error / floats.length
}

function addUp(
  op: 'sum' | 'avg',
  members: { histogram: FloatHistogram; name: string }[],
  run: QueryRun,
  at: number,
): FloatHistogram | null {
  const first = members[0].histogram
  const sum = op === 'sum' ? new HistogramSum(first) : null
  const average = op === 'avg' ? new HistogramMean(first) : null
  const hints = new Set([first.hint])
  let reconciled = false
  let fits = true
  for (const { histogram, name } of members.slice(1)) {
    hints.add(histogram.hint)
    const notes = sum?.add(histogram)
    if (notes?.reconciled) reconciled = true
    if (notes === null || average?.add(histogram) === false) {
      run.notes.mixedExponentialCustom(name, at)
      fits = false
      break
    }
  }
  if (reconciled || average?.reconciled) run.notes.mismatchedBounds('aggregation', at)
  if (!fits) return null
  if (hints.has('reset') && hints.has('not_reset')) run.notes.resetCollision('aggregation', at)
  return sum ? sum.total() : (average as HistogramMean).result()
}

/** count_values: one output a group and value. */
export function countValues(node: AggregateExpr, label: string, input: StepSeries[], steps: Steps): StepSeries[] {
  const names = new Set(node.grouping)
  if (!node.without) names.add(label)
  const dropped = new Set([...names, '__name__'])
  const outputs = new Map<string, StepSeries>()
  for (const series of input)
    for (let step = 0; step < steps.count; step++) {
      const kind = series.kinds[step]
      if (kind === NONE) continue
      const value =
        kind === FLOAT ? plainFloat(series.values[step]) : histogramText((series.histograms as FloatHistogram[])[step])
      const all = withLabel(series.labels, label, value)
      const labels = node.without ? dropLabels(all, dropped) : keepLabels(all, names)
      const key = labelsKey(labels)
      let out = outputs.get(key)
      if (!out) {
        out = newStepSeries(labels, false, steps.count)
        outputs.set(key, out)
      }
      out.kinds[step] = FLOAT
      out.values[step]++
    }
  return [...outputs.values()]
}
