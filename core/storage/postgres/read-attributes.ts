import type { AttributesBuilder } from '../../model/batch-builder.ts'
import { AttrType } from '../../model/columns.ts'
import type { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import type { AnyValue } from '../../model/records.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const MINUS = 0x2d
const [TRUE, FALSE, NULL, LIST, MAP] = [...'tfn[{'].map((letter) => letter.charCodeAt(0))
/** A whole number of so many digits is exact. */
const SAFE_DIGITS = 15
/** The server writes a blank behind each colon and each comma. */
const GAP = 2

interface Into {
  dictionary: DictionaryBuilder
  attributes: AttributesBuilder
}

/**
 * Attributes as the server writes jsonb out, from bytes[from .. to) straight into the open row of a builder.
 * @param typed what plain JSON cannot say, by key, as `encode-rows.ts` keeps it, or null
 */
export function readAttributes(into: Into, bytes: Uint8Array, from: number, to: number, typed: string | null): void {
  const exact = typed === null ? null : (JSON.parse(typed) as Record<string, AnyValue>)
  const { dictionary, attributes } = into
  for (let at = from + 1; bytes[at] === QUOTE; ) {
    const { alike } = attributes
    const keyEnd = stringEnd(bytes, at)
    const key = internString(dictionary, bytes, at, keyEnd, alike < 0 ? 0 : attributes.keys[alike])
    const value = keyEnd + GAP
    const end = valueEnd(bytes, value, to)
    const known = exact === null ? null : knownExactly(exact, bytes, at, keyEnd)
    if (known) putExact(into, key, known)
    else putPlain(into, key, bytes, value, end, alike)
    at = bytes[end] === COMMA ? end + GAP : to
  }
}

/** Place behind the string that begins at `at`. */
function stringEnd(bytes: Uint8Array, at: number): number {
  let end = at + 1
  for (; bytes[end] !== QUOTE; end++) if (bytes[end] === BACKSLASH) end++
  return end + 1
}

/** Place behind the value that begins at `at`: its comma or the brace that closes the whole. */
function valueEnd(bytes: Uint8Array, at: number, to: number): number {
  if (bytes[at] === QUOTE) return stringEnd(bytes, at)
  let depth = 0
  for (let end = at; end < to; end++) {
    const byte = bytes[end]
    if (byte === QUOTE) end = stringEnd(bytes, end) - 1
    else if (byte === LIST || byte === MAP) depth++
    else if (depth === 0 && (byte === COMMA || byte === MAP + GAP)) return end
    else if (byte === LIST + GAP || byte === MAP + GAP) depth--
  }
  return to
}

const textOf = (bytes: Uint8Array, from: number, to: number): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString()

/** @param like entry that it is compared with first */
function internString(
  dictionary: DictionaryBuilder,
  bytes: Uint8Array,
  from: number,
  to: number,
  like: number,
): number {
  for (let at = from + 1; at < to - 1; at++) {
    if (bytes[at] === BACKSLASH) return dictionary.internText(JSON.parse(textOf(bytes, from, to)) as string)
  }
  return dictionary.internLike(like, bytes, from + 1, to - 1)
}

function knownExactly(exact: Record<string, AnyValue>, bytes: Uint8Array, from: number, to: number): AnyValue | null {
  const key = JSON.parse(textOf(bytes, from, to)) as string
  return Object.hasOwn(exact, key) ? exact[key] : null
}

function putPlain(
  { dictionary, attributes }: Into,
  key: number,
  bytes: Uint8Array,
  from: number,
  to: number,
  alike: number,
): void {
  switch (bytes[from]) {
    case QUOTE: {
      const like = alike >= 0 && attributes.types[alike] === AttrType.string ? attributes.values[alike] : 0
      attributes.set(key, AttrType.string, internString(dictionary, bytes, from, to, like))
      break
    }
    case TRUE:
      attributes.set(key, AttrType.bool, 1)
      break
    case FALSE:
      attributes.set(key, AttrType.bool, 0)
      break
    case NULL:
      attributes.set(key, AttrType.empty, 0)
      break
    default: {
      const number = numberOf(bytes, from, to)
      attributes.set(key, Number.isInteger(number) ? AttrType.int : AttrType.double, number)
    }
  }
}

function numberOf(bytes: Uint8Array, from: number, to: number): number {
  const first = bytes[from] === MINUS ? from + 1 : from
  let value = 0
  for (let at = first; at < to; at++) {
    const digit = bytes[at] - 0x30
    if (digit < 0 || digit > 9 || at - first === SAFE_DIGITS) return Number(textOf(bytes, from, to))
    value = value * 10 + digit
  }
  return first === from ? value : -value
}

function putExact({ dictionary, attributes }: Into, key: number, value: AnyValue): void {
  const put = (type: AttrType, number: number): void => attributes.set(key, type, number)
  if ('doubleValue' in value) put(AttrType.double, Number(value.doubleValue))
  else if ('intValue' in value) put(AttrType.bigint, dictionary.internText(String(value.intValue)))
  else if ('bytesValue' in value) put(AttrType.bytes, dictionary.internText(String(value.bytesValue)))
  else if (Object.keys(value).length === 0) put(AttrType.empty, 0)
  else put(AttrType.json, dictionary.internText(JSON.stringify(value)))
}
