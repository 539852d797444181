import type { Labels } from '../../../model/series.ts'
import { divided, equalHistograms, type FloatHistogram, scaled } from '../histogram/float-histogram.ts'
import { addHistograms } from '../histogram/sum.ts'
import { trimHistogram } from '../histogram/trim.ts'
import { type BinaryExpr, COMPARISONS } from '../syntax/ast.ts'
import {
  dropLabels,
  keepLabels,
  labelsKey,
  labelsText,
  labelValue,
  partKey,
  withLabel,
  withoutMetadata,
} from './labels.ts'
import { evaluationError, type QueryRun, type Steps } from './query-run.ts'
import { FLOAT, HISTOGRAM, NONE, newStepSeries, type StepSeries, setFloat, setHistogram } from './series.ts'
import type { ScalarArgument } from './vector-functions.ts'

const ARITHMETIC = new Set(['+', '-', '*', '/', '%', '^', 'atan2'])

/** Go's math.Pow, which gives 1 for 1^NaN, 1^±Inf and (-1)^±Inf. */
function power(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && !Number.isNaN(exponent) && !Number.isFinite(exponent))) return 1
  return base ** exponent
}

function arithmetic(op: string, a: number, b: number): number {
  switch (op) {
    case '+':
      return a + b
    case '-':
      return a - b
    case '*':
      return a * b
    case '/':
      return a / b
    case '%':
      return a % b
    case '^':
      return power(a, b)
    default:
      return Math.atan2(a, b)
  }
}

function compares(op: string, a: number, b: number): boolean {
  switch (op) {
    case '==':
      return a === b
    case '!=':
      return a !== b
    case '>':
      return a > b
    case '<':
      return a < b
    case '>=':
      return a >= b
    default:
      return a <= b
  }
}

/** The outcome of one pair, kept in one reused object. */
class PairResult {
  value = 0
  histogram: FloatHistogram | null = null
  /** False when a comparison filters the pair out or the types do not go together. */
  keep = false
  /** The types do not go together. */
  failed = false
}

/** Evaluates one operator on two samples, noting what does not go together. */
class PairOperator {
  readonly result = new PairResult()
  readonly #op: string
  readonly #isComparison: boolean
  readonly #run: QueryRun
  readonly #at: number

  constructor(node: BinaryExpr, run: QueryRun) {
    this.#op = node.op
    this.#isComparison = COMPARISONS.has(node.op)
    this.#run = run
    this.#at = node.start
  }

  /** `quiet`: histogram warnings are left out, as between a vector and a scalar. */
  apply(a: number, b: number, ha: FloatHistogram | null, hb: FloatHistogram | null): PairResult {
    const { result } = this
    result.histogram = null
    result.failed = false
    if (!ha && !hb) {
      if (this.#isComparison) {
        result.value = a
        result.keep = compares(this.#op, a, b)
      } else if (this.#op === '</' || this.#op === '>/') this.#incompatible('float', 'float')
      else {
        result.value = arithmetic(this.#op, a, b)
        result.keep = true
      }
      return result
    }
    result.value = 0
    if (ha && hb) this.#histograms(ha, hb)
    else if (ha) this.#histogramFloat(ha, b)
    else if (this.#op === '*') this.#keep(scaled(hb as FloatHistogram, a))
    else this.#incompatible('float', 'histogram')
    return result
  }

  #keep(histogram: FloatHistogram): void {
    this.result.histogram = histogram
    this.result.keep = true
  }

  #incompatible(left: string, right: string): void {
    this.#run.notes.incompatibleTypes(left, this.#op, right, this.#at)
    this.result.keep = false
    this.result.failed = true
  }

  #histogramFloat(a: FloatHistogram, b: number): void {
    if (this.#op === '*') this.#keep(scaled(a, b))
    else if (this.#op === '/') this.#keep(divided(a, b))
    else if (this.#op === '</' || this.#op === '>/') this.#keep(trimHistogram(a, b, this.#op === '</'))
    else this.#incompatible('histogram', 'float')
  }

  #histograms(a: FloatHistogram, b: FloatHistogram): void {
    if (this.#op === '==' || this.#op === '!=') {
      this.result.histogram = a
      this.result.keep = equalHistograms(a, b) === (this.#op === '==')
      return
    }
    if (this.#op !== '+' && this.#op !== '-') {
      this.#incompatible('histogram', 'histogram')
      return
    }
    const sum = addHistograms(a, b, this.#op === '+' ? 1 : -1)
    const operation = this.#op === '+' ? 'addition' : 'subtraction'
    if (!sum) {
      this.#run.notes.incompatibleLayout(this.#op, this.#at)
      this.result.keep = false
      this.result.failed = true
      return
    }
    if (sum.collision) {
      this.#run.notes.resetCollision(operation, this.#at)
      this.result.keep = false
      this.result.failed = true
      return
    }
    if (sum.reconciled) this.#run.notes.mismatchedBounds(operation, this.#at)
    this.#keep(this.#op === '-' ? { ...sum.histogram, hint: 'gauge' } : sum.histogram)
  }
}

export function scalarScalar(op: string, a: ScalarArgument, b: ScalarArgument): ScalarArgument {
  const comparison = COMPARISONS.has(op)
  return a.map((value, step) => (comparison ? (compares(op, value, b[step]) ? 1 : 0) : arithmetic(op, value, b[step])))
}

/** `scalarLeft`: the scalar stood on the left. */
export function vectorScalar(
  node: BinaryExpr,
  vector: StepSeries[],
  scalar: ScalarArgument,
  scalarLeft: boolean,
  run: QueryRun,
): StepSeries[] {
  const operator = new PairOperator(node, run)
  const dropName = ARITHMETIC.has(node.op) || node.bool
  const comparison = COMPARISONS.has(node.op)
  return vector.map((series) => {
    const labels = dropName && !run.delayedNames ? withoutMetadata(series.labels) : series.labels
    const out = newStepSeries(labels, dropName || series.dropName, series.kinds.length)
    for (let step = 0; step < series.kinds.length; step++) {
      const kind = series.kinds[step]
      if (kind === NONE) continue
      const value = series.values[step]
      const histogram = kind === HISTOGRAM ? (series.histograms as FloatHistogram[])[step] : null
      const result = scalarLeft
        ? operator.apply(scalar[step], value, null, histogram)
        : operator.apply(value, scalar[step], histogram, null)
      if (result.failed) continue
      if (node.bool) setFloat(out, step, result.keep ? 1 : 0)
      else if (!result.keep) continue
      else if (comparison && scalarLeft) {
        if (histogram) setHistogram(out, step, histogram)
        else setFloat(out, step, value)
      } else if (result.histogram) setHistogram(out, step, result.histogram)
      else setFloat(out, step, result.value)
    }
    return out
  })
}

/** Numbers the match groups of both sides. */
function signatures(
  node: BinaryExpr,
  left: StepSeries[],
  right: StepSeries[],
): { left: Uint32Array; right: Uint32Array; count: number } {
  const matching = node.matching
  const names = new Set(matching?.labels)
  const without = !matching?.on
  if (without) names.add('__name__')
  const numbers = new Map<string, number>()
  const number = (series: StepSeries): number => {
    const key = partKey(series.labels, names, without)
    let found = numbers.get(key)
    if (found === undefined) {
      found = numbers.size
      numbers.set(key, found)
    }
    return found
  }
  return {
    left: Uint32Array.from(left, number),
    right: Uint32Array.from(right, number),
    get count() {
      return numbers.size
    },
  }
}

/** and, or, unless. */
export function setOperation(node: BinaryExpr, left: StepSeries[], right: StepSeries[], steps: Steps): StepSeries[] {
  const groups = signatures(node, left, right)
  const presence = (side: StepSeries[], group: Uint32Array): Map<number, Uint8Array> => {
    const present = new Map<number, Uint8Array>()
    side.forEach((series, i) => {
      let steps = present.get(group[i])
      if (!steps) {
        steps = new Uint8Array(series.kinds.length)
        present.set(group[i], steps)
      }
      for (let step = 0; step < steps.length; step++) if (series.kinds[step] !== NONE) steps[step] = 1
    })
    return present
  }
  const filter = (series: StepSeries, present: Uint8Array | undefined, want: 0 | 1): StepSeries => {
    if (!present && want === 0) return series
    const kinds = series.kinds.slice()
    for (let step = 0; step < steps.count; step++) if ((present?.[step] ?? 0) !== want) kinds[step] = NONE
    return { ...series, kinds }
  }
  if (node.op === 'or') {
    const present = presence(left, groups.left)
    return [...left, ...right.map((series, i) => filter(series, present.get(groups.right[i]), 0))]
  }
  const present = presence(right, groups.right)
  const want = node.op === 'and' ? 1 : 0
  return left.map((series, i) => filter(series, present.get(groups.left[i]), want))
}

/** Arithmetic and comparison between two vectors. */
export function vectorVector(
  node: BinaryExpr,
  leftInput: StepSeries[],
  rightInput: StepSeries[],
  steps: Steps,
  run: QueryRun,
): StepSeries[] {
  return new VectorMatch(node, leftInput, rightInput, steps, run).evaluate()
}

class VectorMatch {
  readonly #node: BinaryExpr
  readonly #run: QueryRun
  readonly #steps: Steps
  readonly #many: StepSeries[]
  readonly #one: StepSeries[]
  readonly #manyGroup: Uint32Array
  readonly #oneGroup: Uint32Array
  readonly #groupCount: number
  readonly #swapped: boolean
  readonly #matched: Set<string>
  readonly #operator: PairOperator
  readonly #outputs = new Map<number, { series: StepSeries; key: string }>()
  readonly #byKey = new Map<string, StepSeries>()
  readonly #instant: StepSeries[] = []

  constructor(node: BinaryExpr, left: StepSeries[], right: StepSeries[], steps: Steps, run: QueryRun) {
    this.#node = node
    this.#run = run
    this.#steps = steps
    this.#swapped = node.matching?.card === 'one-to-many'
    this.#many = this.#swapped ? right : left
    this.#one = this.#swapped ? left : right
    const groups = signatures(node, this.#many, this.#one)
    this.#manyGroup = groups.left
    this.#oneGroup = groups.right
    this.#groupCount = groups.count
    this.#matched = new Set(node.matching?.labels)
    this.#operator = new PairOperator(node, run)
  }

  evaluate(): StepSeries[] {
    const { matching } = this.#node
    if (!matching) return []
    const oneAt = new Int32Array(this.#groupCount)
    const oneToOne = matching.card === 'one-to-one'
    const used = new Uint8Array(this.#groupCount)
    const fillMany = this.#swapped ? matching.fillRight : matching.fillLeft
    const fillOne = this.#swapped ? matching.fillLeft : matching.fillRight
    const fills = matching.fillLeft !== null || matching.fillRight !== null
    for (let step = 0; step < this.#steps.count; step++) {
      if ((step & 63) === 0) this.#run.check()
      const seen = oneToOne ? null : new Set<string>()
      oneAt.fill(-1)
      used.fill(0)
      const manyPresent = this.#many.some((series) => series.kinds[step] !== NONE)
      const onePresent = this.#one.some((series) => series.kinds[step] !== NONE)
      if (!(manyPresent && onePresent) && !(fills && (manyPresent || onePresent))) continue
      for (let i = 0; i < this.#one.length; i++) {
        if (this.#one[i].kinds[step] === NONE) continue
        const group = this.#oneGroup[i]
        if (oneAt[group] >= 0) this.#duplicate(this.#one[i], this.#one[oneAt[group]])
        oneAt[group] = i
      }
      for (let i = 0; i < this.#many.length; i++) {
        if (this.#many[i].kinds[step] === NONE) continue
        const group = this.#manyGroup[i]
        const partner = oneAt[group]
        if (partner < 0 && fillOne === null) continue
        this.#pair(i, partner, step, group, used, seen, fillOne ?? 0)
      }
      if (fillMany === null) continue
      for (let i = 0; i < this.#one.length; i++) {
        const group = this.#oneGroup[i]
        if (this.#one[i].kinds[step] === NONE || used[group]) continue
        this.#pair(-1, i, step, group, used, seen, fillMany)
      }
    }
    return this.#steps.count === 1 ? this.#instant : [...this.#byKey.values()]
  }

  #duplicate(a: StepSeries, b: StepSeries): never {
    const { matching } = this.#node
    const group = matching?.on
      ? keepLabels(a.labels, this.#matched)
      : dropLabels(a.labels, new Set([...this.#matched, '__name__']))
    const texts = [labelsText(a.labels), labelsText(b.labels)].sort()
    const side = this.#swapped ? 'left' : 'right'
    throw evaluationError(
      `found duplicate series for the match group ${labelsText(group)} on the ${side} hand-side of the operation: [${texts.join(', ')}];many-to-many matching not allowed: matching labels must be unique on one side`,
    )
  }

  /** Index -1 stands for the fill value on that side. */
  #pair(
    many: number,
    one: number,
    step: number,
    group: number,
    used: Uint8Array,
    seen: Set<string> | null,
    fill: number,
  ): void {
    const a = many < 0 ? null : this.#many[many]
    const b = one < 0 ? null : this.#one[one]
    const valueA = a ? a.values[step] : fill
    const valueB = b ? b.values[step] : fill
    const histogramA = a?.kinds[step] === HISTOGRAM ? (a.histograms as FloatHistogram[])[step] : null
    const histogramB = b?.kinds[step] === HISTOGRAM ? (b.histograms as FloatHistogram[])[step] : null
    const result = this.#swapped
      ? this.#operator.apply(valueB, valueA, histogramB, histogramA)
      : this.#operator.apply(valueA, valueB, histogramA, histogramB)
    if (result.failed) return
    const { bool } = this.#node
    const out = this.#output(many, one)
    if (seen === null) {
      if (used[group])
        throw evaluationError(
          'multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)',
        )
    } else {
      const key = `${group} ${out.key}`
      if (seen.has(key))
        throw evaluationError('multiple matches for labels: grouping labels must ensure unique matches')
      seen.add(key)
    }
    used[group] = 1
    if (!result.keep && !bool) return
    let { series } = out
    if (this.#steps.count === 1) {
      series = newStepSeries(series.labels, series.dropName, 1)
      this.#instant.push(series)
    } else if (series.kinds[step] !== NONE)
      throw evaluationError('vector cannot contain metrics with the same labelset')
    if (bool) setFloat(series, step, result.keep ? 1 : 0)
    else if (result.histogram) setHistogram(series, step, result.histogram)
    else {
      series.kinds[step] = FLOAT
      series.values[step] = result.value
    }
  }

  #output(many: number, one: number): { series: StepSeries; key: string } {
    const id = (many + 1) * (this.#one.length + 1) + one + 1
    let out = this.#outputs.get(id)
    if (!out) {
      const labels = this.#resultLabels(many, one)
      const key = labelsKey(labels)
      let series = this.#byKey.get(key)
      if (!series) {
        series = newStepSeries(labels, this.#node.bool, this.#steps.count)
        this.#byKey.set(key, series)
      }
      out = { series, key }
      this.#outputs.set(id, out)
    }
    return out
  }

  #matchLabels(labels: Labels): Labels {
    return this.#node.matching?.on
      ? keepLabels(labels, this.#matched)
      : dropLabels(labels, new Set([...this.#matched, '__name__']))
  }

  #resultLabels(many: number, one: number): Labels {
    const { matching, op, bool } = this.#node
    const oneLabels = one < 0 ? this.#matchLabels(this.#many[many].labels) : this.#one[one].labels
    let labels = many < 0 ? this.#matchLabels(oneLabels) : this.#many[many].labels
    if (ARITHMETIC.has(op) || (bool && !this.#run.delayedNames)) labels = withoutMetadata(labels)
    if (matching?.card === 'one-to-one')
      labels = matching.on ? keepLabels(labels, this.#matched) : dropLabels(labels, this.#matched)
    for (const name of matching?.include ?? []) labels = withLabel(labels, name, labelValue(oneLabels, name))
    return labels
  }
}
