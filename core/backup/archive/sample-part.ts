import type { NativeHistogram } from '../../model/native-histogram.ts'
import { SampleBatchBuilder } from '../../model/sample-batch-builder.ts'
import { type Labels, type SampleBatch, SampleKind, type SeriesSamples } from '../../model/series.ts'
import { allTexts, ColumnReader } from './column-reader.ts'
import { ColumnWriter, TextCollector } from './column-writer.ts'

/** The body of a part of metric samples (FORMAT.md, "Samples"): series after series, each in time order. */
export function encodeSamples(series: readonly SeriesSamples[]): Uint8Array {
  const n = series.reduce((sum, { times }) => sum + times.length, 0)
  const times = new Float64Array(n)
  const values = new Float64Array(n)
  const kinds = new Uint8Array(n)
  const histograms: string[] = []
  let at = 0
  for (const one of series) {
    times.set(one.times, at)
    for (let i = 0; i < one.times.length; i++) {
      kinds[at + i] = one.kinds?.[i] ?? SampleKind.float
      // What is no number is kept as 0, which packs better than NaN.
      values[at + i] = kinds[at + i] === SampleKind.float ? one.values[i] : 0
      const histogram = one.histograms?.[i]
      if (kinds[at + i] === SampleKind.histogram && histogram) histograms.push(histogramText(histogram))
    }
    at += one.times.length
  }
  const out = new ColumnWriter()
  out.uints(
    'seriesSize',
    Uint32Array.from(series, (one) => one.times.length),
  )
  texts(
    out,
    'labels',
    series.map(({ labels }) => JSON.stringify(labels)),
  )
  out.numbers('time', times, true)
  out.numbers('value', values, true)
  out.uints('kind', kinds)
  texts(out, 'histogram', histograms)
  return out.finish(n)
}

function texts(out: ColumnWriter, name: string, list: string[]): void {
  const collector = new TextCollector([])
  collector.begin()
  out.texts(
    name,
    collector,
    Uint32Array.from(list, (text) => collector.addText(text)),
  )
}

/** JSON has no NaN and no infinities: they are written as texts. */
function histogramText(histogram: NativeHistogram): string {
  return JSON.stringify(histogram, (_key, value) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  )
}

const NOT_FINITE: Record<string, number> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  '-Infinity': Number.NEGATIVE_INFINITY,
}

function histogramOf(text: string): NativeHistogram {
  const parsed = JSON.parse(text, (_key, value) =>
    typeof value === 'string' && Object.hasOwn(NOT_FINITE, value) ? NOT_FINITE[value] : value,
  ) as NativeHistogram
  const { schema, counterReset, positive, negative, zeroThreshold, zeroCount, count, sum, customValues } = parsed
  const numbers = [schema, zeroThreshold, zeroCount, count, sum].every((one) => typeof one === 'number')
  const buckets = [positive, negative].every((side) => {
    const { spans, counts } = side ?? {}
    if (!Array.isArray(spans) || !Array.isArray(counts)) return false
    const listed = spans.reduce((total, { length }) => total + length, 0)
    return listed === counts.length && counts.every((one) => typeof one === 'number')
  })
  if (!numbers || !buckets || !['unknown', 'reset', 'not_reset', 'gauge'].includes(counterReset))
    throw new RangeError('a histogram is not one')
  return {
    schema,
    counterReset,
    positive,
    negative,
    zeroThreshold,
    zeroCount,
    count,
    sum,
    customValues: customValues ?? null,
  }
}

function labelsOf(text: string): Labels {
  const labels = JSON.parse(text) as unknown
  const fits =
    Array.isArray(labels) &&
    labels.every((pair) => Array.isArray(pair) && pair.length === 2 && pair.every((one) => typeof one === 'string'))
  if (!fits) throw new RangeError('labels of a series are not labels')
  return labels as Labels
}

/** A part of samples as a batch. @throws GlassboxError `archive_damaged`, RangeError, SyntaxError */
export function decodeSamples(body: Uint8Array): SampleBatch {
  const from = new ColumnReader(body)
  const sizes = from.uints('seriesSize', null)
  const labels = from.texts('labels', sizes.length)
  const sets = allTexts(labels).map((text, number) => (number === 0 ? [] : labelsOf(text)))
  const times = from.numbers('time')
  const values = from.numbers('value')
  const kinds = from.below('kind', 3)
  const count = kinds.reduce((sum, kind) => sum + (kind === SampleKind.histogram ? 1 : 0), 0)
  const histograms = from.texts('histogram', count)
  const parsed = allTexts(histograms).map((text, number) => (number === 0 ? null : histogramOf(text)))
  const builder = new SampleBatchBuilder()
  let at = 0
  let next = 0
  sizes.forEach((size, number) => {
    if (at + size > from.rows) throw new RangeError('series have more samples than there are rows')
    const series = builder.series(sets[labels.index[number]])
    for (const end = at + size; at < end; at++) {
      if (kinds[at] === SampleKind.stale) builder.stale(series, times[at])
      else if (kinds[at] === SampleKind.histogram)
        builder.histogram(series, times[at], parsed[histograms.index[next++]] as NativeHistogram)
      else builder.float(series, times[at], values[at])
    }
  })
  if (at !== from.rows) throw new RangeError('series have fewer samples than there are rows')
  return builder.finish()
}
