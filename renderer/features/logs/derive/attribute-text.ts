import type { AnyValue, KeyValue, LogRecord } from '../../../../core/model/records.ts'

/** A value as the filter language compares it: text as it is, all else as JSON. */
export function valueText(value: AnyValue | undefined): string {
  const plain = plainOf(value)
  if (plain === null) return ''
  return typeof plain === 'string' ? plain : JSON.stringify(plain)
}

function plainOf(value: AnyValue | undefined): unknown {
  if (!value) return null
  if ('stringValue' in value) return value.stringValue
  if ('boolValue' in value) return value.boolValue
  if ('intValue' in value) return Number.isSafeInteger(Number(value.intValue)) ? Number(value.intValue) : value.intValue
  if ('doubleValue' in value) return value.doubleValue
  if ('bytesValue' in value) return value.bytesValue
  if ('arrayValue' in value)
    return ((value as { arrayValue: { values?: AnyValue[] } }).arrayValue.values ?? []).map(plainOf)
  if ('kvlistValue' in value) {
    const pairs = (value as { kvlistValue: { values?: KeyValue[] } }).kvlistValue.values ?? []
    return Object.fromEntries(pairs.map((pair) => [pair.key, plainOf(pair.value)]))
  }
  return null
}

/** What a column of this key shows of a record: its own attribute first, then its resource's. */
export function columnText(log: LogRecord, key: string): string | null {
  const pair = log.attributes.find((one) => one.key === key) ?? log.resource.attributes.find((one) => one.key === key)
  return pair ? valueText(pair.value) : null
}

/** The time in a record's id, µs. */
export function timeOfId(id: string): number | null {
  const time = Number.parseInt(id.split('-')[0] ?? '', 36)
  return Number.isSafeInteger(time) && time > 0 ? time : null
}

/** A filter term's pattern that finds what a message pattern stands for. */
export function patternRegex(pattern: string): string {
  const parts = pattern.split('<*>').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  return `^${parts.join('.*')}`
}
