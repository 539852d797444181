import type { Labels } from '../../../model/series.ts'
import { quoted } from '../syntax/text.ts'

export const NO_LABELS: Labels = []
const METADATA = new Set(['__name__', '__type__', '__unit__'])
/** Never part of decoded UTF-8. */
const SEPARATOR = '\ud800'
const keys = new WeakMap<Labels, string>()

/** One text per label set: equal exactly when the sets are. */
export function labelsKey(labels: Labels): string {
  let key = keys.get(labels)
  if (key === undefined) {
    key = ''
    for (const [name, value] of labels) key += name + SEPARATOR + value + SEPARATOR
    keys.set(labels, key)
  }
  return key
}

export function labelValue(labels: Labels, name: string): string {
  for (const label of labels) if (label[0] === name) return label[1]
  return ''
}

export const metricName = (labels: Labels): string => labelValue(labels, '__name__')

/** Without the name, type and unit. */
export function withoutMetadata(labels: Labels): Labels {
  return labels.some((label) => METADATA.has(label[0])) ? labels.filter((label) => !METADATA.has(label[0])) : labels
}

export function keepLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return labels.filter((label) => names.has(label[0]))
}

export function dropLabels(labels: Labels, names: ReadonlySet<string>): Labels {
  return labels.filter((label) => !names.has(label[0]))
}

/** With `name` set to `value`; an empty value removes it. */
export function withLabel(labels: Labels, name: string, value: string): Labels {
  const others = labels.filter((label) => label[0] !== name)
  if (value === '') return others
  const at = others.findIndex((label) => label[0] > name)
  others.splice(at < 0 ? others.length : at, 0, [name, value])
  return others
}

/** The key of the labels that a match or group goes by. */
export function partKey(labels: Labels, names: ReadonlySet<string>, without: boolean): string {
  let key = ''
  for (const [name, value] of labels) if (names.has(name) !== without) key += name + SEPARATOR + value + SEPARATOR
  return key
}

export function compareLabels(a: Labels, b: Labels): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    if (a[i][0] !== b[i][0]) return a[i][0] < b[i][0] ? -1 : 1
    if (a[i][1] !== b[i][1]) return a[i][1] < b[i][1] ? -1 : 1
  }
  return a.length - b.length
}

/** `{a="b", c="d"}` as Prometheus prints it in errors. */
export function labelsText(labels: Labels): string {
  const parts = labels.map(([name, value]) => {
    const shown = /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quoted(name)
    return `${shown}=${quoted(value)}`
  })
  return `{${parts.join(', ')}}`
}

const MASK = (1n << 64n) - 1n
const P1 = 0x9e3779b185ebca87n
const P2 = 0xc2b2ae3d27d4eb4fn
const P3 = 0x165667b19e3779f9n
const P4 = 0x85ebca77c2b2ae63n
const P5 = 0x27d4eb2f165667c5n
const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (64n - by))) & MASK
const round = (acc: bigint, lane: bigint): bigint => (rotate((acc + lane * P2) & MASK, 31n) * P1) & MASK

/** xxHash64 with seed 0. */
function xxHash64(data: Buffer): bigint {
  const { length } = data
  let at = 0
  let hash: bigint
  if (length >= 32) {
    let lanes = [(P1 + P2) & MASK, P2, 0n, -P1 & MASK]
    for (; at + 32 <= length; at += 32) lanes = lanes.map((lane, i) => round(lane, data.readBigUInt64LE(at + 8 * i)))
    hash = (rotate(lanes[0], 1n) + rotate(lanes[1], 7n) + rotate(lanes[2], 12n) + rotate(lanes[3], 18n)) & MASK
    for (const lane of lanes) hash = ((hash ^ round(0n, lane)) * P1 + P4) & MASK
  } else hash = P5
  hash = (hash + BigInt(length)) & MASK
  for (; at + 8 <= length; at += 8) hash = (rotate(hash ^ round(0n, data.readBigUInt64LE(at)), 27n) * P1 + P4) & MASK
  if (at + 4 <= length) {
    hash = (rotate(hash ^ ((BigInt(data.readUInt32LE(at)) * P1) & MASK), 23n) * P2 + P3) & MASK
    at += 4
  }
  for (; at < length; at++) hash = (rotate(hash ^ ((BigInt(data[at]) * P5) & MASK), 11n) * P1) & MASK
  hash = ((hash ^ (hash >> 33n)) * P2) & MASK
  hash = ((hash ^ (hash >> 29n)) * P3) & MASK
  return hash ^ (hash >> 32n)
}

/** Where a series stands between 0 and 1 for limit_ratio: Prometheus' hash of its labels. */
export function ratioOffset(labels: Labels): number {
  const parts: Buffer[] = []
  for (const label of labels)
    for (const text of label) {
      const bytes = Buffer.from(text)
      const { length } = bytes
      parts.push(Buffer.from(length < 255 ? [length] : [255, length & 255, (length >> 8) & 255, length >> 16]), bytes)
    }
  return Number(xxHash64(Buffer.concat(parts))) / 2 ** 64
}
