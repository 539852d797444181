import { positionText, quoted, shortFloat } from '../syntax/text.ts'

export type HistogramOperation = 'addition' | 'subtraction' | 'aggregation'

interface Forced {
  firstTime: number
  lastTime: number
  minBucket: number
  maxBucket: number
  maxDiff: number
  count: number
}

interface Note {
  text: string
  at: number
  forced: Forced | null
}

const forName = (text: string, name: string): string => (name ? `${text} for metric name ${quoted(name)}` : text)

/**
 * Warnings and infos of one query, worded as Prometheus does. The same text is kept once, at the expression that said it
 * last.
 */
export class Annotations {
  #notes = new Map<string, Note>()

  #add(text: string, at: number): void {
    this.#notes.set(text, { text, at, forced: null })
  }

  /** @returns the texts with positions, warnings apart from infos */
  texts(query: string): { warnings: string[]; infos: string[] } {
    const warnings: string[] = []
    const infos: string[] = []
    for (const { text, at, forced } of this.#notes.values()) {
      let full = text
      if (forced) {
        const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`
        full += `, from buckets ${shortFloat(forced.minBucket)} to ${shortFloat(forced.maxBucket)}, with a max diff of ${twoDigits(forced.maxDiff)}, over ${forced.count + 1} samples from ${time(forced.firstTime)} to ${time(forced.lastTime)}`
      }
      const list = text.startsWith('PromQL info') ? infos : warnings
      list.push(`${full} (${positionText(query, at)})`)
    }
    return { warnings, infos }
  }

  invalidQuantile(q: number, at: number): void {
    this.#add(`PromQL warning: quantile value should be between 0 and 1, got ${shortFloat(q)}`, at)
  }
  invalidRatio(ratio: number, to: number, at: number): void {
    this.#add(
      `PromQL warning: ratio value should be between -1 and 1, got ${shortFloat(ratio)}, capping to ${shortFloat(to)}`,
      at,
    )
  }
  badBucketLabel(name: string, value: string, at: number): void {
    this.#add(
      forName(`PromQL warning: bucket label "le" is missing or has a malformed value of ${quoted(value)}`, name),
      at,
    )
  }
  mixedFloatsHistograms(name: string, at: number): void {
    this.#add(`PromQL warning: encountered a mix of histograms and floats for metric name ${quoted(name)}`, at)
  }
  mixedFloatsHistogramsAggregation(at: number): void {
    this.#add('PromQL warning: encountered a mix of histograms and floats for aggregation', at)
  }
  mixedClassicNative(name: string, at: number): void {
    this.#add(forName('PromQL warning: vector contains a mix of classic and native histograms', name), at)
  }
  notCounter(name: string, at: number): void {
    this.#add(`PromQL warning: this native histogram metric is not a counter: ${quoted(name)}`, at)
  }
  notGauge(name: string, at: number): void {
    this.#add(`PromQL warning: this native histogram metric is not a gauge: ${quoted(name)}`, at)
  }
  mixedExponentialCustom(name: string, at: number): void {
    this.#add(
      `PromQL warning: vector contains a mix of histograms with exponential and custom buckets schemas for metric name ${quoted(name)}`,
      at,
    )
  }
  incompatibleLayout(op: string, at: number): void {
    this.#add(`PromQL warning: incompatible bucket layout encountered for binary operator ${op}`, at)
  }
  sortInRange(at: number): void {
    this.#add('PromQL warning: sort is ineffective for range queries since results are always ordered by labels', at)
  }
  resetCollision(operation: HistogramOperation, at: number): void {
    this.#add(`PromQL warning: conflicting counter resets during histogram ${operation}`, at)
  }
  possibleNonCounter(name: string, at: number): void {
    this.#add(
      `PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: ${quoted(name)}`,
      at,
    )
  }
  incompatibleTypes(left: string, op: string, right: string, at: number): void {
    this.#add(
      `PromQL info: incompatible sample types encountered for binary operator ${quoted(op)}: ${left} ${op} ${right}`,
      at,
    )
  }
  histogramIgnored(aggregation: string, at: number): void {
    this.#add(`PromQL info: ignored histogram in ${aggregation} aggregation`, at)
  }
  histogramIgnoredInRange(name: string, at: number): void {
    this.#add(
      `PromQL info: ignored histograms in a range containing both floats and histograms for metric name ${quoted(name)}`,
      at,
    )
  }
  quantileNan(result: 'result' | 'skew', name: string, at: number): void {
    const what = result === 'result' ? 'result is NaN' : 'result is skewed higher'
    this.#add(forName(`PromQL info: input to histogram_quantile has NaN observations, ${what}`, name), at)
  }
  fractionNan(name: string, at: number): void {
    this.#add(
      forName(
        'PromQL info: input to histogram_fraction has NaN observations, which are excluded from all fractions',
        name,
      ),
      at,
    )
  }
  mismatchedBounds(operation: HistogramOperation, at: number): void {
    this.#add(`PromQL info: mismatched custom buckets were reconciled during ${operation}`, at)
  }
  forcedMonotonic(name: string, at: number, time: number, min: number, max: number, diff: number): void {
    const text = forName(
      'PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)',
      name,
    )
    const before = this.#notes.get(text)?.forced
    this.#notes.set(text, {
      text,
      at,
      forced: before
        ? {
            firstTime: Math.min(before.firstTime, time),
            lastTime: Math.max(before.lastTime, time),
            minBucket: Math.min(before.minBucket, min),
            maxBucket: Math.max(before.maxBucket, max),
            maxDiff: Math.max(before.maxDiff, diff),
            count: before.count + 1,
          }
        : { firstTime: time, lastTime: time, minBucket: min, maxBucket: max, maxDiff: diff, count: 0 },
    })
  }
}

/** Go's `%.2g`. */
function twoDigits(value: number): string {
  if (value === 0) return '0'
  const [mantissa, exponent] = value.toExponential(1).split('e')
  const power = Number(exponent)
  if (power < -4 || power >= 2)
    return `${mantissa.replace(/\.0$/, '')}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
  return String(Number(value.toPrecision(2)))
}
