import { joinParts, splitParts } from './pack.ts'

/** What a query reads to decide whether to open a block. */
export interface StoredStats {
  services: string[]
  keys: { key: string; count: number }[]
  traceBloom: Uint8Array
  attrBloom: Uint8Array
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function encodeStats({ services, keys, traceBloom, attrBloom }: StoredStats): Uint8Array {
  return joinParts([encoder.encode(JSON.stringify({ services, keys })), traceBloom, attrBloom])
}

export function decodeStats(bytes: Uint8Array): StoredStats {
  const [json, traceBloom, attrBloom] = splitParts(bytes)
  const { services, keys } = JSON.parse(decoder.decode(json)) as Pick<StoredStats, 'services' | 'keys'>
  return { services, keys, traceBloom, attrBloom }
}
