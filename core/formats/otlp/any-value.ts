import { isUtf8 } from 'node:buffer'
import { utf8 } from '../../base/utf8.ts'
import type { AnyValue, KeyValue } from '../../model/records.ts'
import type { WireReader } from './wire-reader.ts'

/** Deeper values are cut, so that no reader ever breaks on them. */
export const MAX_DEPTH = 64
/** What stands in the place of a value nested deeper. */
export const TOO_DEEP: AnyValue = { stringValue: `(cut: nested deeper than ${MAX_DEPTH})` }

/** UTF-8 as every engine can store it: ill-formed bytes become U+FFFD, U+0000 is taken out. */
export function cleanText(bytes: Uint8Array): string {
  const text = utf8.decode(bytes)
  return isUtf8(bytes) && !text.includes('\0') ? text : text.toWellFormed().replaceAll('\0', '')
}

export function doubleJson(value: number): number | 'NaN' | 'Infinity' | '-Infinity' {
  if (Number.isFinite(value)) return value
  if (Number.isNaN(value)) return 'NaN'
  return value > 0 ? 'Infinity' : '-Infinity'
}

/** Reads the AnyValue in [pos, end) as OTLP/JSON. Of a oneof, the last field on the wire wins. */
export function readAnyValue(reader: WireReader, end: number, depth = 0): AnyValue {
  if (depth > MAX_DEPTH) {
    reader.pos = end
    return TOO_DEEP
  }
  let value: AnyValue = {}
  while (reader.pos < end) {
    const tag = reader.tag(end)
    switch (tag) {
      case 0x0a: {
        const to = reader.lengthEnd(end)
        value = { stringValue: cleanText(reader.bytes.subarray(reader.pos, to)) }
        reader.pos = to
        break
      }
      case 0x10:
        value = { boolValue: reader.varint(end) !== 0 }
        break
      case 0x18:
        value = { intValue: reader.int64(end).toString() }
        break
      case 0x21:
        value = { doubleValue: doubleJson(reader.view.getFloat64(reader.fixed(8, end), true)) }
        break
      case 0x2a: {
        const to = reader.lengthEnd(end)
        const values: AnyValue[] = []
        while (reader.pos < to) {
          const inner = reader.tag(to)
          if (inner === 0x0a) values.push(readAnyValue(reader, reader.lengthEnd(to), depth + 1))
          else reader.skip(inner, to)
        }
        value = { arrayValue: { values } }
        break
      }
      case 0x32: {
        const to = reader.lengthEnd(end)
        const values: KeyValue[] = []
        while (reader.pos < to) {
          const inner = reader.tag(to)
          if (inner === 0x0a) values.push(readKeyValue(reader, reader.lengthEnd(to), depth + 1))
          else reader.skip(inner, to)
        }
        value = { kvlistValue: { values: lastWins(values) } }
        break
      }
      case 0x3a: {
        const to = reader.lengthEnd(end)
        value = { bytesValue: Buffer.from(reader.bytes.subarray(reader.pos, to)).toString('base64') }
        reader.pos = to
        break
      }
      default:
        reader.skip(tag, end)
    }
  }
  return value
}

export function readKeyValue(reader: WireReader, end: number, depth = 0): KeyValue {
  let key = ''
  let value: AnyValue = {}
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a) {
      const to = reader.lengthEnd(end)
      key = cleanText(reader.bytes.subarray(reader.pos, to))
      reader.pos = to
    } else if (tag === 0x12) value = readAnyValue(reader, reader.lengthEnd(end), depth)
    else reader.skip(tag, end)
  }
  return { key, value }
}

/** Duplicate keys are forbidden and occur: the last one wins, in the place of the first. */
export function lastWins(list: KeyValue[]): KeyValue[] {
  if (list.length < 2) return list
  const byKey = new Map<string, KeyValue>()
  for (const pair of list) byKey.set(pair.key, pair)
  return byKey.size === list.length ? list : [...byKey.values()]
}

/** `service.name` of a resource, or `unknown_service`. */
export function serviceName(attributes: KeyValue[]): string {
  const value = attributes.find((pair) => pair.key === 'service.name')?.value
  return value && 'stringValue' in value && value.stringValue ? String(value.stringValue) : 'unknown_service'
}
