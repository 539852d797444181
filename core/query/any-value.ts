import type { AnyValue, KeyValue } from '../model/records.ts'

/**
 * An OTLP/JSON value as plain JSON. int64 become numbers where they are exact and decimal text otherwise; bytes stay
 * base64 text; a value that is absent becomes null.
 */
export function plainValue(value: AnyValue | undefined): unknown {
  if (!value) return null
  if ('stringValue' in value) return value.stringValue
  if ('boolValue' in value) return value.boolValue
  if ('intValue' in value) {
    const number = Number(value.intValue)
    return Number.isSafeInteger(number) ? number : String(value.intValue)
  }
  if ('doubleValue' in value) return value.doubleValue
  if ('bytesValue' in value) return value.bytesValue
  if ('arrayValue' in value)
    return ((value as { arrayValue: { values?: AnyValue[] } }).arrayValue.values ?? []).map(plainValue)
  if ('kvlistValue' in value)
    return plainObject((value as { kvlistValue: { values?: KeyValue[] } }).kvlistValue.values ?? [])
  return null
}

/** Attributes as one plain object; of repeated keys the last wins. */
export function plainObject(attributes: readonly KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]))
}

/** A value as one text: text as it is, everything else as JSON; empty where there is no value. */
export function plainText(value: AnyValue | undefined): string {
  const plain = plainValue(value)
  if (plain === null) return ''
  return typeof plain === 'string' ? plain : JSON.stringify(plain)
}
