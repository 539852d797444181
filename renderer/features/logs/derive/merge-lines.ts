import type { LogRecord } from '../../../../core/model/records.ts'

/** New lines put where their time belongs among lines that stand newest first; lines that are there already are left out. */
export function mergeLines(
  lines: readonly LogRecord[],
  fresh: readonly LogRecord[],
): { lines: LogRecord[]; added: LogRecord[] } {
  const oldest = fresh.reduce((least, line) => Math.min(least, line.time), Infinity)
  // Only lines as young as the new ones can repeat or follow one of them.
  const touched = lines.findIndex((line) => line.time < oldest)
  const head = touched === -1 ? lines : lines.slice(0, touched)
  const known = new Set(head.map((line) => line.id))
  const added = fresh.filter((line) => !known.has(line.id))
  if (added.length === 0) return { lines: [...lines], added }
  const sorted = [...added, ...head].sort((a, b) => b.time - a.time || b.timeNs - a.timeNs)
  return { lines: touched === -1 ? sorted : [...sorted, ...lines.slice(touched)], added }
}
