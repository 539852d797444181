import type { ResourceEntry, ScopeEntry } from '../../../model/columns.ts'
import type { KeyValue, ResourceRecord, ScopeRecord } from '../../../model/records.ts'

export function resourceRecord(entry: ResourceEntry): ResourceRecord {
  return {
    attributes: JSON.parse(entry.attributes) as KeyValue[],
    droppedAttributesCount: entry.droppedAttributesCount,
    schemaUrl: entry.schemaUrl,
  }
}

export function scopeRecord(entry: ScopeEntry): ScopeRecord {
  const { attributes, droppedAttributesCount, schemaUrl } = resourceRecord({ ...entry, service: '' })
  return { attributes, droppedAttributesCount, schemaUrl, name: entry.name, version: entry.version }
}

/** Distinct entries of several blocks under one numbering. */
export class Shared<E, R> {
  readonly records: R[] = []
  #make: (entry: E) => R
  #byEntry = new Map<E, number>()
  #byText = new Map<string, number>()

  constructor(make: (entry: E) => R) {
    this.#make = make
  }

  index(entry: E): number {
    let at = this.#byEntry.get(entry)
    if (at !== undefined) return at
    const text = JSON.stringify(entry)
    at = this.#byText.get(text) ?? this.records.push(this.#make(entry)) - 1
    this.#byText.set(text, at)
    this.#byEntry.set(entry, at)
    return at
  }
}
