import type { AnyValue, KeyValue } from './records.ts'

/** An OTLP/JSON value as plain JSON: int64 become numbers where exact, decimal text otherwise; no value is null. */
function toPlain(value: AnyValue | undefined): unknown {
  if (!value) return null
  if ('intValue' in value) {
    const number = Number(value.intValue)
    return Number.isSafeInteger(number) ? number : String(value.intValue)
  }
  if ('arrayValue' in value) return ((value.arrayValue as { values?: AnyValue[] }).values ?? []).map(toPlain)
  if ('kvlistValue' in value) {
    const pairs = (value.kvlistValue as { values?: KeyValue[] }).values ?? []
    return Object.fromEntries(pairs.map((pair) => [pair.key, toPlain(pair.value)]))
  }
  return Object.values(value)[0] ?? null
}

/** A value as a person reads it: text bare, everything else as JSON, nothing as the empty text. */
export function valueText(value: AnyValue | undefined): string {
  const plain = toPlain(value)
  if (plain === null) return ''
  return typeof plain === 'string' ? plain : JSON.stringify(plain)
}
