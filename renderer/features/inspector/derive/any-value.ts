import type { AnyValue, KeyValue } from '../../../../core/model/records.ts'

/** A value as a person reads it: scalars bare, structures as JSON. */
export function readable(value: AnyValue | undefined): string {
  if (!value) return ''
  if ('stringValue' in value) return value.stringValue as string
  const plain = plainOf(value)
  return typeof plain === 'object' ? JSON.stringify(plain) : String(plain)
}

function plainOf(value: AnyValue): unknown {
  if ('arrayValue' in value) return ((value.arrayValue as { values?: AnyValue[] }).values ?? []).map(plainOf)
  if ('kvlistValue' in value) {
    const pairs = (value.kvlistValue as { values?: KeyValue[] }).values ?? []
    return Object.fromEntries(pairs.map((pair) => [pair.key, plainOf(pair.value ?? {})]))
  }
  return Object.values(value)[0] ?? ''
}
