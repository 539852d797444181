import type { AnyValue, KeyValue } from '../../model/records.ts'
import { plainText } from '../../query/any-value.ts'
import { plainToAny } from './filter-sql.ts'

/** All attributes of a row from its two columns. */
export function rowAttributes(attributes: string, typed: string | null): KeyValue[] {
  const exact = typed === null ? {} : (JSON.parse(typed) as Record<string, AnyValue>)
  return Object.entries(JSON.parse(attributes) as Record<string, unknown>).map(([key, plain]) => ({
    key,
    value: Object.hasOwn(exact, key) ? exact[key] : plainToAny(plain),
  }))
}

/** One attribute as text, or null where it is missing. */
export function attributeText(attributes: KeyValue[], key: string): string | null {
  const found = attributes.find((attribute) => attribute.key === key)
  return found ? cellText(found.value) : null
}

/** As SQLite shows a cell: arrays and lists as the OTLP/JSON text they are stored as. */
export function cellText(value: AnyValue | undefined): string {
  if (!value) return ''
  if ('arrayValue' in value || 'kvlistValue' in value) return JSON.stringify(value)
  if ('doubleValue' in value) return String(Number(value.doubleValue))
  return plainText(value)
}
