import { crc32 } from 'node:zlib'
import { utf8 } from '../../../base/utf8.ts'
import { joinParts, splitParts } from './pack.ts'

/** What a query reads to decide whether to open a block. */
export interface StoredStats {
  services: string[]
  keys: { key: string; count: number }[]
  traceBloom: Uint8Array
  attrBloom: Uint8Array
}

/** Columns of span_block and log_block that skip blocks; their values stand in the statistics, too, under the checksum. */
export const SPAN_FIGURES = [
  'rows',
  'traces',
  'minStart',
  'maxStart',
  'maxEnd',
  'minDur',
  'maxDur',
  'firstSeq',
  'lastSeq',
] as const
export const LOG_FIGURES = ['rows', 'minTime', 'maxTime', 'maxSeverity', 'firstSeq', 'lastSeq'] as const

/** Parts of what is written now: JSON, two filters, the figures, the CRC-32 of these. Files of the first schema have three. */
const PARTS = 5
const UNCHECKED_PARTS = 3

const encoder = new TextEncoder()

export function encodeStats<K extends string>(
  stats: StoredStats & Record<K, number>,
  figures: readonly K[],
): Uint8Array {
  const { services, keys, traceBloom, attrBloom } = stats
  const values = new Uint8Array(Float64Array.from(figures, (name) => stats[name]).buffer)
  const parts = [encoder.encode(JSON.stringify({ services, keys })), traceBloom, attrBloom, values]
  const out = joinParts([...parts, new Uint8Array(4)])
  new DataView(out.buffer).setUint32(out.length - 4, crc32(out.subarray(0, -4)), true)
  return out
}

/**
 * @param figures of the block's row as they are read, in the order of SPAN_FIGURES or LOG_FIGURES; null = not to be compared
 * @throws Error when the bytes are damaged, or the figures are not those that were written
 */
export function decodeStats(bytes: Uint8Array, figures: readonly number[] | null): StoredStats {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const count = view.getUint32(0, true)
  if (count !== UNCHECKED_PARTS) {
    if (count !== PARTS || view.getUint32(bytes.length - 4, true) !== crc32(bytes.subarray(0, -4)))
      throw new Error('the checksum of its statistics does not hold')
  }
  const [json, traceBloom, attrBloom, values] = splitParts(bytes)
  if (figures && values) {
    const written = new DataView(values.buffer, values.byteOffset, values.byteLength)
    if (figures.some((figure, i) => figure !== written.getFloat64(i * 8, true)))
      throw new Error('its figures are not those that were written')
  }
  const { services, keys } = JSON.parse(utf8.decode(json)) as Pick<StoredStats, 'services' | 'keys'>
  return { services, keys, traceBloom, attrBloom }
}
