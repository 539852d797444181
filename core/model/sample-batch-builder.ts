import type { NativeHistogram } from './native-histogram.ts'
import {
  type Exemplar,
  type Labels,
  type MetricMetadata,
  type SampleBatch,
  SampleKind,
  type SeriesSamples,
} from './series.ts'

/** Sorts by name, takes out empty values; of a name given twice the last wins. */
export function sortedLabels(labels: Iterable<readonly [string, string]>): Labels {
  const unique = new Map(labels)
  return [...unique].filter(([, value]) => value !== '').sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0))
}

/** Builds a SampleBatch sample by sample. */
export class SampleBatchBuilder {
  #series: Labels[] = []
  #seriesOf: number[] = []
  #times: number[] = []
  #values: number[] = []
  #kinds: number[] = []
  #histograms = new Map<number, NativeHistogram>()
  #exemplars: { seriesOf: number; exemplar: Exemplar }[] = []
  #metadata = new Map<string, MetricMetadata>()

  get count(): number {
    return this.#times.length
  }

  /** @returns the index that samples of this series are added under */
  series(labels: Labels): number {
    return this.#series.push(labels) - 1
  }

  float(series: number, time: number, value: number): void {
    this.#add(series, time, value, SampleKind.float)
  }

  stale(series: number, time: number): void {
    this.#add(series, time, Number.NaN, SampleKind.stale)
  }

  histogram(series: number, time: number, histogram: NativeHistogram): void {
    this.#histograms.set(this.count, histogram)
    this.#add(series, time, Number.NaN, SampleKind.histogram)
  }

  #add(series: number, time: number, value: number, kind: SampleKind): void {
    this.#seriesOf.push(series)
    this.#times.push(time)
    this.#values.push(value)
    this.#kinds.push(kind)
  }

  /** All samples of a series that was read. */
  addSeries({ labels, times, values, kinds, histograms }: SeriesSamples): void {
    const series = this.series(labels)
    times.forEach((time, i) => {
      const histogram = histograms?.[i]
      if (kinds?.[i] === SampleKind.stale) this.stale(series, time)
      else if (kinds?.[i] === SampleKind.histogram && histogram) this.histogram(series, time, histogram)
      else this.float(series, time, values[i])
    })
  }

  exemplar(series: number, exemplar: Exemplar): void {
    this.#exemplars.push({ seriesOf: series, exemplar })
  }

  metadata(metadata: MetricMetadata): void {
    this.#metadata.set(metadata.metric, metadata)
  }

  finish(): SampleBatch {
    return {
      series: this.#series,
      seriesOf: Uint32Array.from(this.#seriesOf),
      times: Float64Array.from(this.#times),
      values: Float64Array.from(this.#values),
      kinds: Uint8Array.from(this.#kinds),
      histograms: this.#histograms,
      exemplars: this.#exemplars,
      metadata: [...this.#metadata.values()],
    }
  }
}
