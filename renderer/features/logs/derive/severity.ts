/** The lowest number of each severity band (OTLP 1.11, logs). */
export const SEVERITIES = [
  { word: 'TRACE', number: 1 },
  { word: 'DEBUG', number: 5 },
  { word: 'INFO', number: 9 },
  { word: 'WARN', number: 13 },
  { word: 'ERROR', number: 17 },
  { word: 'FATAL', number: 21 },
] as const

/** The band's word; the source's own word where there is no number. */
export function severityWord(log: { severity: number; severityText: string }): string {
  if (log.severity === 0) return log.severityText || '–'
  return SEVERITIES[Math.floor((log.severity - 1) / 4)].word
}

/** ANSI colours taken out, other control characters made visible: a log line must not act on the page. */
export function visibleText(text: string): string {
  const esc = String.fromCharCode(27)
  const plain = text.includes(esc)
    ? text
        .split(esc)
        .map((part, i) => (i === 0 ? part : part.replace(/^\[[0-9;]*m/, '')))
        .join('')
    : text
  return Array.from(plain, (char) => (char < ' ' && char !== '\n' && char !== '\t' ? '␛' : char)).join('')
}
