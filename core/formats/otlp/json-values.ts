import { GlassboxError } from '../../base/errors.ts'
import type { AttributesBuilder } from '../../model/batch-builder.ts'
import { AttrType } from '../../model/columns.ts'
import type { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import type { AnyValue, KeyValue } from '../../model/records.ts'
import { doubleJson, lastWins, MAX_DEPTH, TOO_DEEP } from './any-value.ts'
import { jsonFault } from './json-fault.ts'
import type { Micros } from './times.ts'
import { splitBigNanos } from './times.ts'

/** What JSON.parse gives: nothing about its shape is known yet. */
export type Json = Record<string, unknown>

export function asObject(value: unknown): Json {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Json) : {}
}

export function asList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

export function asText(value: unknown): string {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint' ? String(value) : ''
}

/** A double; NaN for what is none. An object is never asked for its value: its `valueOf` may be a text. */
export function asDouble(value: unknown): number {
  return typeof value === 'object' ? Number.NaN : Number(value)
}

const shownLength = 60

/** A value as a message quotes it, short whatever it is. */
export function quoted(value: unknown): string {
  if (Array.isArray(value)) return '(a list)'
  if (typeof value === 'object' && value !== null) return '(an object)'
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, shownLength)) : String(value ?? '""')
  return text.length > shownLength + 2 ? `${text.slice(0, shownLength)}…` : text
}

const TWO64 = 2n ** 64n

/**
 * A 64-bit integer as OTLP/JSON allows it: number, decimal string, or the {low, high} object of old JS SDKs.
 * Null for anything else: `Number('')` and `BigInt('0x10')` would quietly pass.
 */
export function asInt64(value: unknown): bigint | null {
  if (typeof value === 'bigint') return within64(value)
  if (typeof value === 'number') return Number.isFinite(value) ? within64(BigInt(Math.trunc(value))) : null
  if (typeof value === 'string') return /^-?\d{1,20}$/.test(value) ? within64(BigInt(value)) : null
  if (value !== null && typeof value === 'object' && 'low' in value && 'high' in value) {
    const { low, high } = value
    if (typeof low === 'number' && typeof high === 'number')
      return BigInt(high >>> 0) * 4_294_967_296n + BigInt(low >>> 0)
  }
  return null
}

function within64(wide: bigint): bigint | null {
  return wide > -TWO64 && wide < TWO64 ? wide : null
}

/** A 32-bit count; negative ones exist in the wild and become 0. */
export function asCount(value: unknown): number {
  const wide = asInt64(value)
  return wide === null || wide < 0n ? 0 : Number(wide > 0xffffffffn ? 0xffffffffn : wide)
}

export function asNanos(value: unknown): Micros {
  const wide = asInt64(value)
  return wide === null || wide <= 0n ? { us: 0, ns: 0 } : splitBigNanos(wide)
}

/** Where a text begins in its file: 0-based byte, 1-based line and column. */
export interface TextOrigin {
  at: number
  line: number
  column: number
}

/**
 * Parses a body; numbers of 16 digits and more keep their digits.
 * @throws GlassboxError `malformed_body`, with the place counted from `origin`
 */
export function parseBody(bytes: Uint8Array, origin: TextOrigin = { at: 0, line: 1, column: 1 }): unknown {
  const text = new TextDecoder().decode(bytes)
  const exact = /[:[,\s]-?\d{16,}/.test(text)
  try {
    return exact ? JSON.parse(text, keepDigits as (key: string, value: unknown) => unknown) : JSON.parse(text)
  } catch (error) {
    const at = jsonFault(text)
    // The parser gave up on something that is JSON: its nesting.
    if (at === -1) throw new GlassboxError('malformed_body', `JSON cannot be decoded: ${(error as Error).message}`)
    const reason = at === text.length ? 'it ends too early' : `unexpected ${JSON.stringify(text.slice(at, at + 16))}`
    throw new GlassboxError('malformed_body', `JSON cannot be decoded at ${lineAndColumn(text, at, origin)}: ${reason}`)
  }
}

function keepDigits(_key: string, value: unknown, context: { source?: string }): unknown {
  return typeof value === 'number' &&
    !Number.isSafeInteger(value) &&
    context.source &&
    /^-?\d{1,20}$/.test(context.source)
    ? BigInt(context.source)
    : value
}

function lineAndColumn(text: string, position: number, origin: TextOrigin): string {
  const before = text.slice(0, position)
  const lines = before.split('\n')
  const column = (lines.at(-1) ?? '').length + (lines.length === 1 ? origin.column : 1)
  return `byte ${origin.at + Buffer.byteLength(before)} (line ${origin.line + lines.length - 1}, column ${column})`
}

const HEX = /^[0-9a-f]+$/i

export interface IdReading {
  /** Lower-case hex, `''` when absent, null when invalid. */
  hex: string | null
  base64: boolean
}

/** An id: hex of any case, or base64 of exactly the right length (a known fault of protobuf-JSON printers). */
export function readId(value: unknown, length: number): IdReading {
  if (value === undefined || value === null || value === '') return { hex: '', base64: false }
  if (typeof value !== 'string') return { hex: null, base64: false }
  if (value.length === length * 2 && HEX.test(value)) return { hex: value.toLowerCase(), base64: false }
  if (value.length === Math.ceil(length / 3) * 4 && /^[A-Za-z0-9+/_-]+={1,2}$/.test(value)) {
    const bytes = Buffer.from(value, 'base64')
    if (bytes.length === length) return { hex: bytes.toString('hex'), base64: true }
  }
  return { hex: null, base64: false }
}

/** An AnyValue in canonical OTLP/JSON: 64-bit integers as strings, NaN by name, text well formed. */
export function canonicalValue(input: unknown, depth = 0): AnyValue {
  if (depth > MAX_DEPTH) return TOO_DEEP
  const value = asObject(input)
  if (value.stringValue !== undefined && value.stringValue !== null)
    return { stringValue: cleanString(asText(value.stringValue)) }
  if (value.boolValue !== undefined && value.boolValue !== null)
    return { boolValue: value.boolValue === true || value.boolValue === 'true' }
  if (value.intValue !== undefined && value.intValue !== null) {
    const wide = asInt64(value.intValue)
    return wide === null ? { stringValue: asText(value.intValue) } : { intValue: BigInt.asIntN(64, wide).toString() }
  }
  if (value.doubleValue !== undefined && value.doubleValue !== null)
    return { doubleValue: doubleJson(asDouble(value.doubleValue)) }
  if (value.bytesValue !== undefined && value.bytesValue !== null) {
    return { bytesValue: Buffer.from(asText(value.bytesValue), 'base64').toString('base64') }
  }
  if (value.arrayValue !== undefined && value.arrayValue !== null) {
    return {
      arrayValue: { values: asList(asObject(value.arrayValue).values).map((item) => canonicalValue(item, depth + 1)) },
    }
  }
  if (value.kvlistValue !== undefined && value.kvlistValue !== null) {
    return { kvlistValue: { values: canonicalPairs(asObject(value.kvlistValue).values, depth + 1) } }
  }
  return {}
}

export function cleanString(text: string): string {
  return text.toWellFormed().replaceAll('\0', '')
}

export function canonicalPairs(input: unknown, depth = 0): KeyValue[] {
  return lastWins(
    asList(input).map((pair) => ({
      key: cleanString(asText(asObject(pair).key)),
      value: canonicalValue(asObject(pair).value, depth),
    })),
  )
}

/** Puts canonical attributes into the columns of the open row. */
export function setAttributes(
  pairs: readonly KeyValue[],
  dictionary: DictionaryBuilder,
  into: AttributesBuilder,
): void {
  for (const { key, value } of pairs) {
    const entry = dictionary.internText(key)
    if (!value) into.set(entry, AttrType.empty, 0)
    else if ('stringValue' in value) into.set(entry, AttrType.string, dictionary.internText(value.stringValue))
    else if ('boolValue' in value) into.set(entry, AttrType.bool, value.boolValue ? 1 : 0)
    else if ('intValue' in value) {
      const number = Number(value.intValue)
      if (Number.isSafeInteger(number)) into.set(entry, AttrType.int, number)
      else into.set(entry, AttrType.bigint, dictionary.internText(value.intValue))
    } else if ('doubleValue' in value) into.set(entry, AttrType.double, Number(value.doubleValue))
    else if ('bytesValue' in value) into.set(entry, AttrType.bytes, dictionary.internText(value.bytesValue))
    else if (Object.keys(value).length === 0) into.set(entry, AttrType.empty, 0)
    else into.set(entry, AttrType.json, dictionary.internText(JSON.stringify(value)))
  }
}

/** Writes hex into raw bytes. */
export function writeHex(hex: string, into: Uint8Array, at: number): void {
  for (let i = 0; i < hex.length; i += 2) into[at + i / 2] = Number.parseInt(hex.slice(i, i + 2), 16)
}

export function isZeroHex(hex: string): boolean {
  return /^0*$/.test(hex)
}
