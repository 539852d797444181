import type { Labels } from '../../../model/series.ts'
import type { FloatHistogram } from '../histogram/float-histogram.ts'
import { histogramFraction, histogramQuantile } from '../histogram/quantile.ts'
import type { CallExpr } from '../syntax/ast.ts'
import { parseGoFloat } from '../syntax/go-number.ts'
import { plainFloat } from '../syntax/text.ts'
import { type ClassicBucket, classicFraction, classicQuantile } from './classic-histogram.ts'
import { labelsKey, labelValue, metricName, withLabel } from './labels.ts'
import type { QueryRun, Steps } from './query-run.ts'
import { FLOAT, HISTOGRAM, newStepSeries, type StepSeries } from './series.ts'
import { namelessLabels, type ScalarArgument } from './vector-functions.ts'

/** The bucket series of one classic histogram, and the native one of the same labels where there is one. */
interface Group {
  labels: Labels
  buckets: { series: StepSeries; upper: number }[]
  native: StepSeries[]
}

/** Calls back with the classic buckets or the native histogram of each group at each step. */
class HistogramGroups {
  readonly #groups = new Map<string, Group>()
  readonly #bad: StepSeries[] = []
  readonly #run: QueryRun
  readonly #at: number

  constructor(run: QueryRun, input: StepSeries[], at: number) {
    this.#run = run
    this.#at = at
    for (const series of input) {
      const upper = parseGoFloat(labelValue(series.labels, 'le'))
      if (upper === null) this.#bad.push(series)
      else this.#group(withLabel(series.labels, 'le', '')).buckets.push({ series, upper })
      if (series.histograms) this.#group(series.labels).native.push(series)
    }
  }

  #group(labels: Labels): Group {
    const key = labelsKey(labels)
    let group = this.#groups.get(key)
    if (!group) {
      group = { labels, buckets: [], native: [] }
      this.#groups.set(key, group)
    }
    return group
  }

  each(
    steps: Steps,
    make: (labels: Labels) => StepSeries[],
    classic: (buckets: ClassicBucket[], step: number, outputs: StepSeries[], name: string) => void,
    native: (histogram: FloatHistogram, step: number, outputs: StepSeries[], name: string) => void,
  ): StepSeries[] {
    const shownName = (labels: Labels): string => (this.#run.delayedNames ? metricName(labels) : '')
    const all: StepSeries[] = []
    for (const group of this.#groups.values()) {
      this.#run.check()
      const outputs = make(group.labels)
      all.push(...outputs)
      for (let step = 0; step < steps.count; step++) {
        const buckets: ClassicBucket[] = []
        for (const { series, upper } of group.buckets)
          if (series.kinds[step] === FLOAT) buckets.push({ upper, count: series.values[step] })
        const holder = group.native.find((series) => series.kinds[step] === HISTOGRAM)
        const histogram = holder ? (holder.histograms as FloatHistogram[])[step] : null
        if (histogram && buckets.length > 0) this.#run.notes.mixedClassicNative(shownName(group.labels), this.#at)
        else if (histogram) native(histogram, step, outputs, shownName(group.labels))
        else if (buckets.length > 0) classic(buckets, step, outputs, shownName(group.labels))
      }
    }
    for (const series of this.#bad)
      if (series.kinds.some((kind) => kind === FLOAT))
        this.#run.notes.badBucketLabel(shownName(series.labels), labelValue(series.labels, 'le'), this.#at)
    return all
  }
}

const validQuantile = (q: number): boolean => q >= 0 && q <= 1

/** histogram_quantile and histogram_quantiles: one output a group and quantile. */
function quantiles(
  run: QueryRun,
  steps: Steps,
  input: StepSeries[],
  at: number,
  qs: { values: ScalarArgument; at: number; label: ((labels: Labels, step: number) => Labels) | null }[],
): StepSeries[] {
  for (const q of qs)
    for (let step = 0; step < steps.count; step++)
      if (!validQuantile(q.values[step])) run.notes.invalidQuantile(q.values[step], q.at)
  return new HistogramGroups(run, input, at).each(
    steps,
    (labels) =>
      qs.map((q) => {
        const nameless = namelessLabels(labels, run.delayedNames)
        return newStepSeries(q.label ? q.label(nameless, 0) : nameless, true, steps.count)
      }),
    (buckets, step, outputs, name) => {
      qs.forEach((q, i) => {
        const copy = qs.length === 1 ? buckets : buckets.map((bucket) => ({ ...bucket }))
        const { value, forced } = classicQuantile(q.values[step], copy)
        outputs[i].kinds[step] = FLOAT
        outputs[i].values[step] = value
        if (forced) {
          const time = steps.start + step * steps.step
          run.notes.forcedMonotonic(name, at, time, forced.min, forced.max, forced.diff)
        }
      })
    },
    (histogram, step, outputs, name) => {
      qs.forEach((q, i) => {
        const { value, note } = histogramQuantile(q.values[step], histogram)
        outputs[i].kinds[step] = FLOAT
        outputs[i].values[step] = value
        if (note) run.notes.quantileNan(note, name, at)
      })
    },
  )
}

export function histogramQuantileCall(
  run: QueryRun,
  steps: Steps,
  node: CallExpr,
  q: ScalarArgument,
  input: StepSeries[],
): StepSeries[] {
  return quantiles(run, steps, input, node.args[1].start, [{ values: q, at: node.args[0].start, label: null }])
}

/** A float as a label's value: `0.5`, and `1.0` for whole numbers. */
function labelFloat(value: number): string {
  const text = plainFloat(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

export function histogramQuantilesCall(
  run: QueryRun,
  steps: Steps,
  node: CallExpr,
  label: string,
  qs: ScalarArgument[],
  input: StepSeries[],
): StepSeries[] {
  return quantiles(
    run,
    steps,
    input,
    node.args[0].start,
    qs.map((values, i) => ({
      values,
      at: node.args[i + 2].start,
      label: (labels) => withLabel(labels, label, labelFloat(values[0])),
    })),
  )
}

export function histogramFractionCall(
  run: QueryRun,
  steps: Steps,
  node: CallExpr,
  lower: ScalarArgument,
  upper: ScalarArgument,
  input: StepSeries[],
): StepSeries[] {
  const at = node.args[2].start
  return new HistogramGroups(run, input, at).each(
    steps,
    (labels) => [newStepSeries(namelessLabels(labels, run.delayedNames), true, steps.count)],
    (buckets, step, [output]) => {
      output.kinds[step] = FLOAT
      output.values[step] = classicFraction(lower[step], upper[step], buckets)
    },
    (histogram, step, [output], name) => {
      const { value, hasNan } = histogramFraction(lower[step], upper[step], histogram)
      output.kinds[step] = FLOAT
      output.values[step] = value
      if (hasNan) run.notes.fractionNan(name, at)
    },
  )
}
