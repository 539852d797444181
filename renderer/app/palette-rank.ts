/** What ranking needs to know of an entry. */
export interface Rankable {
  id: string
  label: string
  note?: string
  /** Kept whatever the text is: in front of all (a pasted trace id), or where its label puts it (what a search found). */
  always?: 'first' | 'kept'
}

/**
 * Entries that fit the text: prefix before word start before substring before letters in order; among equals what was
 * used lately comes first. Without text all stay, those used lately in front.
 */
export function rank<T extends Rankable>(entries: T[], text: string, recent: readonly string[] = []): T[] {
  const wanted = text.trim().toLowerCase()
  const used = (entry: T): number => {
    const at = recent.indexOf(entry.id)
    return at === -1 ? recent.length : at
  }
  return entries
    .map((entry, index) => ({ entry, index, score: wanted === '' ? 0 : placeOf(entry, wanted) }))
    .filter((item) => item.score < Infinity)
    .sort((a, b) => a.score - b.score || used(a.entry) - used(b.entry) || a.index - b.index)
    .map((item) => item.entry)
}

function placeOf(entry: Rankable, wanted: string): number {
  if (entry.always === 'first') return 0
  return Math.min(score(entry, wanted), entry.always === 'kept' ? 5 : Infinity)
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

/** The label in pieces, with what was typed marked: as it stands, else letter by letter in order. */
export function matchPieces(label: string, text: string): { text: string; hit: boolean }[] {
  const wanted = text.trim().toLowerCase()
  const lower = label.toLowerCase()
  if (wanted === '' || lower.length !== label.length) return [{ text: label, hit: false }]
  const at = lower.indexOf(wanted)
  const marks = new Set<number>()
  if (at !== -1) for (let i = at; i < at + wanted.length; i++) marks.add(i)
  else {
    let from = 0
    for (const letter of wanted) {
      const place = lower.indexOf(letter, from)
      if (place === -1) return [{ text: label, hit: false }]
      marks.add(place)
      from = place + 1
    }
  }
  const pieces: { text: string; hit: boolean }[] = []
  for (let i = 0; i < label.length; i++) {
    const last = pieces.at(-1)
    if (last && last.hit === marks.has(i)) last.text += label[i]
    else pieces.push({ text: label[i], hit: marks.has(i) })
  }
  return pieces
}

/** A trace id in what was pasted: 32 hex digits alone, in a traceparent, or within a log line. */
export function traceIdIn(text: string): string | null {
  return /(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/i.exec(text)?.[0].toLowerCase() ?? null
}
