/** What ranking needs to know of an entry. */
export interface Rankable {
  label: string
  note?: string
  /** Kept whatever the text is (a pasted trace id). */
  always?: boolean
}

/** Entries that fit the text: prefix before word start before substring before letters in order. */
export function rank<T extends Rankable>(entries: T[], text: string): T[] {
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return entries
  return entries
    .map((entry, index) => ({ entry, index, score: entry.always ? 0 : score(entry, wanted) }))
    .filter((item) => item.score < Infinity)
    .sort((a, b) => a.score - b.score || a.index - b.index)
    .map((item) => item.entry)
}

function score(entry: Rankable, wanted: string): number {
  const label = entry.label.toLowerCase()
  if (label.startsWith(wanted)) return 1
  if (label.includes(` ${wanted}`)) return 2
  if (label.includes(wanted)) return 3
  if (entry.note?.toLowerCase().includes(wanted)) return 4
  let from = 0
  for (const letter of wanted) {
    from = label.indexOf(letter, from) + 1
    if (from === 0) return Infinity
  }
  return 5
}

/** A trace id in what was pasted: 32 hex digits alone, in a traceparent, or within a log line. */
export function traceIdIn(text: string): string | null {
  return /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/i.exec(text)?.[0].toLowerCase() ?? null
}
