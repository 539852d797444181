import type { Rejection } from './columns.ts'
import type { SampleBatch } from './series.ts'

/** What a decoder of metrics made of one body. The sender counts points; one point may be several samples. */
export interface DecodedSamples {
  batch: SampleBatch
  /** By sample, which point it came from; null when each sample is a point of its own. */
  pointOf: Uint32Array | null
  /** Points that came through, without the rejected. */
  points: number
  rejected: Rejection[]
  warnings: string[]
  services: string[]
}
