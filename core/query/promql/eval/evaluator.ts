import { expandTemplate } from '../../../model/expand-template.ts'
import { compileAnchored } from '../../../model/label-regex.ts'
import { SampleKind } from '../../../model/series.ts'
import { type FloatHistogram, scaled, usesCustomBuckets } from '../histogram/float-histogram.ts'
import type { AggregateExpr, BinaryExpr, CallExpr, Expr, SubqueryExpr, VectorSelector } from '../syntax/ast.ts'
import { typeOf } from '../syntax/ast.ts'
import { isLabelName, quoted } from '../syntax/text.ts'
import { absentLabels } from './absent.ts'
import { aggregate, countValues } from './aggregate.ts'
import { scalarScalar, setOperation, vectorScalar, vectorVector } from './binary.ts'
import { interpolate, interpolateHistograms } from './extended-rate.ts'
import { histogramFractionCall, histogramQuantileCall, histogramQuantilesCall } from './histogram-functions.ts'
import { addInfoLabels, infoShift } from './info.ts'
import { labelValue, metricName, NO_LABELS, withLabel } from './labels.ts'
import { countSamples, finish, mergeSameLabels, toSamples } from './output.ts'
import { setOffsets } from './prepare.ts'
import { evaluationError, makeSteps, type QueryRun, type Steps } from './query-run.ts'
import { evaluateRangeCall } from './range-call.ts'
import { RANGE_FUNCTIONS } from './range-functions.ts'
import { selectSeries } from './select-top.ts'
import { FLOAT, NONE, newStepSeries, type SampleSeries, type StepSeries, setHistogram, splitSeries } from './series.ts'
import { sortByLabel, sortByValue } from './sort-functions.ts'
import { dateValue, elementwise, isDateFunction, namelessLabels, type ScalarArgument } from './vector-functions.ts'

/** Evaluates a prepared tree at every step at once: each node turns columns into columns. */
export class Evaluator {
  readonly run: QueryRun
  readonly steps: Steps

  constructor(run: QueryRun, steps: Steps) {
    this.run = run
    this.steps = steps
  }

  /** An instant vector or scalar (one series without labels) at every step. */
  eval(expr: Expr): StepSeries[] {
    this.run.check()
    if (this.steps.count === 0) return []
    const before = this.run.samples
    const result = this.#evaluate(expr)
    this.run.samples = before
    this.run.hold(countSamples(result))
    return result
  }

  /** A scalar at every step. */
  scalar(expr: Expr): ScalarArgument {
    if (expr.kind === 'number') return new Float64Array(this.steps.count).fill(expr.value)
    const [series] = this.eval(expr)
    return series ? series.values : new Float64Array(this.steps.count).fill(Number.NaN)
  }

  #evaluate(expr: Expr): StepSeries[] {
    switch (expr.kind) {
      case 'number':
        return [this.#constant(new Float64Array(this.steps.count).fill(expr.value))]
      case 'vector':
        return expr.smoothed ? this.#smooth(expr) : this.#select(expr)
      case 'paren':
        return this.eval(expr.expr)
      case 'unary':
        return expr.op === '-' ? this.#negate(this.eval(expr.expr)) : this.eval(expr.expr)
      case 'binary':
        return this.#binary(expr)
      case 'aggregate':
        return this.#aggregate(expr)
      case 'call':
        return this.#call(expr)
      case 'invariant':
        return this.#once(expr.expr)
      default:
        throw evaluationError(`unexpected ${typeOf(expr)} where an instant vector or scalar is needed`)
    }
  }

  #constant(values: Float64Array): StepSeries {
    return {
      labels: NO_LABELS,
      dropName: false,
      kinds: new Uint8Array(values.length).fill(FLOAT),
      values,
      histograms: null,
    }
  }

  /** The newest sample within the lookback at each step. */
  #select(selector: VectorSelector): StepSeries[] {
    const loaded = this.run.loaded.get(selector) ?? []
    const result: StepSeries[] = []
    for (const series of loaded) {
      this.run.check()
      const out = newStepSeries(series.labels, false, this.steps.count)
      let any = false
      this.#eachCurrent(series, selector.offset, (step, i) => {
        any = true
        if (series.kinds?.[i] === SampleKind.histogram)
          setHistogram(out, step, (series.histograms as FloatHistogram[])[i])
        else {
          out.kinds[step] = FLOAT
          out.values[step] = series.values[i]
        }
      })
      if (any) result.push(out)
    }
    return result
  }

  /** Calls back with the index of the sample that is current at each step; `fixed` looks at one time at all steps. */
  #eachCurrent(
    series: SampleSeries,
    offset: number,
    found: (step: number, index: number) => void,
    fixed: number | null = null,
  ): void {
    const { times, kinds } = series
    const { start, step: width, count } = this.steps
    const { lookbackMs } = this.run.settings
    let next = 0
    for (let step = 0; step < count; step++) {
      const time = (fixed ?? start + step * width) - offset
      while (next < times.length && times[next] <= time) next++
      const i = next - 1
      if (i < 0 || times[i] <= time - lookbackMs) continue
      if (kinds && kinds[i] === SampleKind.stale) continue
      found(step, i)
    }
  }

  /** `x smoothed`: between the samples around each step. */
  #smooth(selector: VectorSelector): StepSeries[] {
    const { start, step: width, count } = this.steps
    const { lookbackMs } = this.run.settings
    const { notes } = this.run
    return (this.run.loaded.get(selector) ?? []).flatMap((series) => {
      const split = splitSeries(series)
      const out = newStepSeries(series.labels, false, count)
      const name = metricName(series.labels)
      for (let step = 0; step < count; step++) {
        const time = start + step * width - selector.offset
        const range = (times: Float64Array): [from: number, at: number, to: number] => {
          let from = 0
          while (from < times.length && times[from] <= time - lookbackMs) from++
          let to = from
          while (to < times.length && times[to] <= time + lookbackMs) to++
          let at = from
          while (at < to && times[at] < time) at++
          return [from, at, to]
        }
        const floats = range(split.floatTimes)
        const histograms = range(split.histogramTimes)
        if (floats[2] > floats[0] && histograms[2] > histograms[0]) {
          notes.mixedFloatsHistograms(name, selector.start)
        } else if (floats[2] > floats[0]) {
          const [from, at, to] = floats
          const { floatTimes: t, floats: v } = split
          if (at < to && t[at] === time) out.values[step] = v[at]
          else if (at > from && at < to) out.values[step] = interpolate(t[at - 1], v[at - 1], t[at], v[at], time, false)
          else if (at > from) out.values[step] = v[at - 1]
          else continue
          out.kinds[step] = FLOAT
        } else if (histograms[2] > histograms[0]) {
          const [from, at, to] = histograms
          const { histogramTimes: t, histograms: h } = split
          if (at < to && t[at] === time) setHistogram(out, step, h[at])
          else if (at > from && at < to) {
            const [a, b] = [h[at - 1], h[at]]
            const isCounter = a.hint !== 'gauge' || b.hint !== 'gauge'
            const between =
              usesCustomBuckets(a) === usesCustomBuckets(b)
                ? interpolateHistograms(a, t[at - 1], b, t[at], time, isCounter, notes, selector.start)
                : null
            if (between) setHistogram(out, step, between)
            else notes.mixedExponentialCustom(name, selector.start)
          } else if (at > from) setHistogram(out, step, { ...h[at - 1], hint: 'unknown' })
        }
      }
      return out.kinds.some((kind) => kind !== NONE) ? [out] : []
    })
  }

  #negate(input: StepSeries[]): StepSeries[] {
    const { delayedNames } = this.run
    const result = input.map((series) => ({
      labels: namelessLabels(series.labels, delayedNames),
      dropName: true,
      kinds: series.kinds,
      values: series.values.map((value) => -value),
      histograms: series.histograms?.map((histogram) => (histogram ? scaled(histogram, -1) : null)) ?? null,
    }))
    return delayedNames ? result : mergeSameLabels(result)
  }

  #binary(node: BinaryExpr): StepSeries[] {
    const left = typeOf(node.left)
    const right = typeOf(node.right)
    if (left === 'scalar' && right === 'scalar')
      return [this.#constant(scalarScalar(node.op, this.scalar(node.left), this.scalar(node.right)))]
    let result: StepSeries[]
    if (left === 'vector' && right === 'vector') {
      const leftSeries = this.eval(node.left)
      const rightSeries = this.eval(node.right)
      const set = node.op === 'and' || node.op === 'or' || node.op === 'unless'
      result = set
        ? setOperation(node, leftSeries, rightSeries, this.steps)
        : vectorVector(node, leftSeries, rightSeries, this.steps, this.run)
    } else {
      const scalarLeft = left === 'scalar'
      const vector = this.eval(scalarLeft ? node.right : node.left)
      const scalar = this.scalar(scalarLeft ? node.left : node.right)
      result = vectorScalar(node, vector, scalar, scalarLeft, this.run)
    }
    return finish(result, this.steps.count, this.run.delayedNames)
  }

  #aggregate(node: AggregateExpr): StepSeries[] {
    if (node.op === 'count_values') {
      const label = node.param?.kind === 'string' ? node.param.value : ''
      if (!isLabelName(label)) throw evaluationError(`invalid label name ${quoted(label)}`)
      return finish(countValues(node, label, this.eval(node.expr), this.steps), this.steps.count, false)
    }
    const param = node.param ? this.scalar(node.param) : null
    const input = this.eval(node.expr)
    if (param && node.op !== 'quantile') return selectSeries(node, input, param, this.steps, this.run)
    return aggregate(node, input, param, this.steps, this.run).filter((series) =>
      series.kinds.some((kind) => kind !== NONE),
    )
  }

  #call(node: CallExpr): StepSeries[] {
    const { name } = node.func
    const { run, steps } = this
    const done = (series: StepSeries[]): StepSeries[] => finish(series, steps.count, run.delayedNames)
    if (RANGE_FUNCTIONS.has(name)) return evaluateRangeCall(this, node)
    switch (name) {
      case 'time':
        return [this.#constant(this.#stepTimes())]
      case 'pi':
        return [this.#constant(new Float64Array(steps.count).fill(Math.PI))]
      case 'vector':
        return [this.#constant(this.scalar(node.args[0]))]
      case 'scalar':
        return [this.#constant(this.#toScalar(this.eval(node.args[0])))]
      case 'max_of':
      case 'min_of': {
        const [a, b] = node.args.map((arg) => this.scalar(arg))
        const pick = name === 'max_of' ? Math.max : Math.min
        return [this.#constant(a.map((value, step) => pick(value, b[step])))]
      }
      case 'timestamp':
        return done(this.#timestamps(node))
      case 'start_timestamp':
        // Start times of samples are not stored.
        this.eval(node.args[0])
        return []
      case 'absent':
        return this.#absent(node)
      case 'sort':
      case 'sort_desc':
      case 'sort_by_label':
      case 'sort_by_label_desc':
        return this.#sort(node)
      case 'label_replace':
        return this.#labelReplace(node)
      case 'label_join':
        return this.#labelJoin(node)
      case 'info':
        return this.#info(node)
      case 'histogram_quantile':
        return done(histogramQuantileCall(run, steps, node, this.scalar(node.args[0]), this.eval(node.args[1])))
      case 'histogram_quantiles': {
        const input = this.eval(node.args[0])
        const quantiles = node.args.slice(2).map((arg) => this.scalar(arg))
        return done(histogramQuantilesCall(run, steps, node, stringOf(node.args[1]), quantiles, input))
      }
      case 'histogram_fraction': {
        const [lower, upper] = [this.scalar(node.args[0]), this.scalar(node.args[1])]
        return done(histogramFractionCall(run, steps, node, lower, upper, this.eval(node.args[2])))
      }
    }
    if (node.args.length === 0 && isDateFunction(name))
      return [this.#constant(this.#stepTimes().map((seconds) => dateValue(name, Math.trunc(seconds))))]
    const input = this.eval(node.args[0])
    const scalars = node.args.slice(1).map((arg) => this.scalar(arg))
    const result = elementwise(node, input, scalars, run.delayedNames)
    if (!result) throw evaluationError(`unexpected nil implementation for function ${quoted(name)}`)
    return done(result)
  }

  #stepTimes(): Float64Array {
    const { start, step, count } = this.steps
    return Float64Array.from({ length: count }, (_, i) => (start + i * step) / 1000)
  }

  #toScalar(input: StepSeries[]): Float64Array {
    const values = new Float64Array(this.steps.count).fill(Number.NaN)
    const seen = new Uint8Array(this.steps.count)
    for (const { kinds, values: floats } of input)
      for (let step = 0; step < kinds.length; step++)
        if (kinds[step] === FLOAT) values[step] = ++seen[step] === 1 ? floats[step] : Number.NaN
    return values
  }

  #timestamps(node: CallExpr): StepSeries[] {
    const [arg] = node.args
    const { delayedNames } = this.run
    if (arg.kind !== 'vector') {
      const times = this.#stepTimes()
      return this.eval(arg).map((series) => {
        const out = newStepSeries(namelessLabels(series.labels, delayedNames), true, this.steps.count)
        for (let step = 0; step < series.kinds.length; step++)
          if (series.kinds[step] !== NONE) {
            out.kinds[step] = FLOAT
            out.values[step] = times[step]
          }
        return out
      })
    }
    return (this.run.loaded.get(arg) ?? []).map((series) => {
      const out = newStepSeries(namelessLabels(series.labels, delayedNames), true, this.steps.count)
      // With `@` every step looks at the same time.
      const [offset, fixed] = arg.timestamp === null ? [arg.offset, null] : [0, arg.timestamp]
      this.#eachCurrent(
        series,
        offset,
        (step, i) => {
          out.kinds[step] = FLOAT
          out.values[step] = series.times[i] / 1000
        },
        fixed,
      )
      return out
    })
  }

  #absent(node: CallExpr): StepSeries[] {
    const input = this.eval(node.args[0])
    const out = newStepSeries(absentLabels(node.args[0]), false, this.steps.count)
    for (let step = 0; step < this.steps.count; step++)
      if (!input.some((series) => series.kinds[step] !== NONE)) {
        out.kinds[step] = FLOAT
        out.values[step] = 1
      }
    return finish([out], this.steps.count, this.run.delayedNames)
  }

  #sort(node: CallExpr): StepSeries[] {
    const { name } = node.func
    if (this.steps.count > 1) this.run.notes.sortInRange(node.start)
    const input = this.eval(node.args[0])
    const descending = name.endsWith('_desc')
    const sorted = name.startsWith('sort_by_label')
      ? sortByLabel(input, node.args.slice(1).map(stringOf), descending)
      : sortByValue(input, descending)
    return finish(sorted, this.steps.count, this.run.delayedNames)
  }

  #labelReplace(node: CallExpr): StepSeries[] {
    const [target, template, source, pattern] = node.args.slice(1).map(stringOf)
    let regex: ReturnType<typeof compileAnchored>
    try {
      regex = compileAnchored(pattern)
    } catch {
      throw evaluationError(`invalid regular expression in label_replace(): ${pattern}`)
    }
    if (!isLabelName(target)) throw evaluationError(`invalid destination label name in label_replace(): ${target}`)
    const result = this.eval(node.args[0]).map((series) => {
      const matcher = regex.matcher(labelValue(series.labels, source))
      if (!matcher.find()) return series
      const value = expandTemplate(template, matcher, regex)
      return {
        ...series,
        labels: withLabel(series.labels, target, value),
        dropName: target === '__name__' ? false : series.dropName,
      }
    })
    return mergeSameLabels(result)
  }

  #labelJoin(node: CallExpr): StepSeries[] {
    const [target, separator, ...sources] = node.args.slice(1).map(stringOf)
    for (const source of sources)
      if (!isLabelName(source)) throw evaluationError(`invalid source label name in label_join(): ${source}`)
    if (!isLabelName(target)) throw evaluationError(`invalid destination label name in label_join(): ${target}`)
    const result = this.eval(node.args[0]).map((series) => {
      const value = sources.map((source) => labelValue(series.labels, source)).join(separator)
      return {
        ...series,
        labels: withLabel(series.labels, target, value),
        dropName: target === '__name__' ? false : series.dropName,
      }
    })
    return mergeSameLabels(result)
  }

  #info(node: CallExpr): StepSeries[] {
    const base = this.eval(node.args[0])
    const { timestamp, offset } = infoShift(node)
    const timesOf = (series: SampleSeries): Float64Array => {
      const times = new Float64Array(this.steps.count).fill(Number.NaN)
      this.#eachCurrent(
        series,
        offset,
        (step, i) => {
          if (series.kinds?.[i] === SampleKind.histogram)
            throw evaluationError('this should be an info metric, with float samples')
          times[step] = series.times[i]
        },
        timestamp,
      )
      return times
    }
    const loaded = this.run.loaded.get(node) ?? []
    return mergeSameLabels(addInfoLabels(node, base, loaded, timesOf, this.steps, this.run))
  }

  /** The same at every step: evaluated at the first and repeated. */
  #once(expr: Expr): StepSeries[] {
    const { start, step, count } = this.steps
    const single = new Evaluator(this.run, { start, end: start, step, count: 1 }).eval(expr)
    return single.map((series) => ({
      ...series,
      kinds: new Uint8Array(count).fill(series.kinds[0]),
      values: new Float64Array(count).fill(series.values[0]),
      histograms: series.histograms && new Array<FloatHistogram | null>(count).fill(series.histograms[0]),
    }))
  }

  /** The samples of a subquery for all steps, as series of their own times. */
  subquery(node: SubqueryExpr): SampleSeries[] {
    const { start, step, count } = this.steps
    const width = node.step || this.run.settings.subqueryStepMs
    const end = start + (count - 1) * step - node.offset
    const from = start - node.offset - node.range
    let first = width * Math.trunc(from / width)
    if (first <= from) first += width
    setOffsets(node.expr, first)
    return new Evaluator(this.run, makeSteps(first, end, width))
      .eval(node.expr)
      .map((series) => toSamples(series, first, width))
  }
}

export function stringOf(expr: Expr): string {
  return expr.kind === 'string' ? expr.value : expr.kind === 'paren' ? stringOf(expr.expr) : ''
}
