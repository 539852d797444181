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
