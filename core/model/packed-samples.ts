import type { DecodedSamples } from './decoded-samples.ts'
import type { NativeHistogram } from './native-histogram.ts'
import type { Exemplar, MetricMetadata, SampleBatch } from './series.ts'
import { seriesKey } from './series-key.ts'

/** A SampleBatch as it crosses threads: series as single texts, columns handed over. */
export interface PackedSamples {
  keys: string[]
  seriesOf: Uint32Array
  times: Float64Array
  values: Float64Array
  kinds: Uint8Array
  histograms: [number, NativeHistogram][]
  exemplars: { seriesOf: number; exemplar: Exemplar }[]
  metadata: MetricMetadata[]
}

/** Packs a batch; U+0000, which parts the texts of a key, is taken out of labels. */
export function packSamples(batch: SampleBatch): { packed: PackedSamples; transfer: ArrayBuffer[] } {
  const keys = batch.series.map((labels) =>
    labels.some(([name, value]) => value.includes('\0') || name.includes('\0'))
      ? seriesKey(labels.map(([name, value]) => [name.replaceAll('\0', ''), value.replaceAll('\0', '')] as const))
      : seriesKey(labels),
  )
  const { seriesOf, times, values, kinds, exemplars, metadata } = batch
  const packed = { keys, seriesOf, times, values, kinds, exemplars, metadata, histograms: [...batch.histograms] }
  return { packed, transfer: columnsOf(packed) }
}

/** The buffers that can be handed over to another thread. */
export function columnsOf({ seriesOf, times, values, kinds }: PackedSamples): ArrayBuffer[] {
  return [seriesOf, times, values, kinds]
    .filter((column) => column.byteLength === column.buffer.byteLength && column.byteLength > 0)
    .map((column) => column.buffer as ArrayBuffer)
}

/** DecodedSamples as they cross threads. */
export interface PackedDecoded extends Omit<DecodedSamples, 'batch'> {
  packed: PackedSamples
}

export function packDecoded({ batch, ...rest }: DecodedSamples): { decoded: PackedDecoded; transfer: ArrayBuffer[] } {
  const { packed, transfer } = packSamples(batch)
  return { decoded: { ...rest, packed }, transfer }
}
