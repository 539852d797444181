import type { Labels } from '../../../model/series.ts'
import type { FloatHistogram } from '../histogram/float-histogram.ts'
import type { Annotations } from './annotations.ts'
import { metricName } from './labels.ts'
import { FLOAT, HISTOGRAM, NONE } from './series.ts'

/** What a range function sees at one step of one series; one object is reused for all. Slices are [from, to). */
export class Window {
  floatTimes: Float64Array
  floats: Float64Array
  floatFrom = 0
  floatTo = 0
  histogramTimes: Float64Array
  histograms: FloatHistogram[]
  histogramFrom = 0
  histogramTo = 0
  /** Changes with the series: what a function remembers from step to step is of no use beyond it. */
  serial = 0
  /** Evaluation time, ms. */
  time = 0
  /** Bounds of the range, left-open, ms. */
  rangeStart = 0
  rangeEnd = 0
  rangeSeconds = 0
  anchored = false
  smoothed = false
  /** Scalar arguments at this step, in order. */
  readonly scalars: number[] = []
  labels: Labels = []
  readonly notes: Annotations
  /** Positions of the first argument and of the range argument. */
  firstAt = 0
  rangeAt = 0
  /** What the function gave when it returned HISTOGRAM or FLOAT. */
  histogram: FloatHistogram | null = null
  value = 0

  constructor(notes: Annotations) {
    const none = new Float64Array(0)
    this.notes = notes
    this.floatTimes = none
    this.floats = none
    this.histogramTimes = none
    this.histograms = []
  }

  get floatCount(): number {
    return this.floatTo - this.floatFrom
  }
  get histogramCount(): number {
    return this.histogramTo - this.histogramFrom
  }
  get name(): string {
    return metricName(this.labels)
  }

  float(value: number): typeof FLOAT {
    this.value = value
    return FLOAT
  }
  native(histogram: FloatHistogram): typeof HISTOGRAM {
    this.histogram = histogram
    return HISTOGRAM
  }
  nothing(): typeof NONE {
    return NONE
  }
}

export type RangeFunction = (window: Window) => typeof NONE | typeof FLOAT | typeof HISTOGRAM
