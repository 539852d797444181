import type { Labels } from './series.ts'

/** Between names and values in a series' key; U+0000 is taken out of texts when they come in. */
const SEPARATOR = '\0'

/** One text for a label set, equal when the sets are. */
export function seriesKey(labels: Labels): string {
  let key = ''
  for (const [name, value] of labels)
    key += key === '' ? `${name}${SEPARATOR}${value}` : SEPARATOR + name + SEPARATOR + value
  return key
}

export function labelsOfKey(key: string): [string, string][] {
  const parts = key.split(SEPARATOR)
  const labels: [string, string][] = []
  for (let i = 0; i + 1 < parts.length; i += 2) labels.push([parts[i], parts[i + 1]])
  return labels
}

/** Many keys as they cross threads: as one text they are copied several times faster than as a list. */
export interface PackedKeys {
  text: string
  /** Where each ends in the text. */
  ends: Uint32Array
}

export function packKeys(keys: readonly string[]): PackedKeys {
  const ends = new Uint32Array(keys.length)
  let end = 0
  for (let i = 0; i < keys.length; i++) ends[i] = end += keys[i].length
  return { text: keys.join(''), ends }
}

export function unpackKeys({ text, ends }: PackedKeys): string[] {
  const keys = new Array<string>(ends.length)
  for (let i = 0; i < ends.length; i++) keys[i] = text.slice(i === 0 ? 0 : ends[i - 1], ends[i])
  return keys
}

/** The order of keys is that of their label sets: the separator comes before whatever a name or value holds. */
export function compareKeys(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The value of one label, empty where it is not there; makes nothing of the others. */
export function labelOfKey(key: string, name: string): string {
  let at = 0
  while (at < key.length) {
    const nameEnd = key.indexOf(SEPARATOR, at)
    if (nameEnd < 0) return ''
    const end = key.indexOf(SEPARATOR, nameEnd + 1)
    if (nameEnd - at === name.length && key.startsWith(name, at))
      return key.slice(nameEnd + 1, end < 0 ? undefined : end)
    if (end < 0) return ''
    at = end + 1
  }
  return ''
}
