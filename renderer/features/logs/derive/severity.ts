/** The lowest number of each severity band (OTLP 1.11, logs), and how it is drawn in the histogram. */
export const SEVERITIES = [
  { word: 'FATAL', key: 'fatal', number: 21, colour: '--err-fill', hatch: true },
  { word: 'ERROR', key: 'error', number: 17, colour: '--err-fill', hatch: true },
  { word: 'WARN', key: 'warn', number: 13, colour: '--warn-fill', hatch: false },
  { word: 'INFO', key: 'info', number: 9, colour: '--heat-3', hatch: false },
  { word: 'DEBUG', key: 'debug', number: 5, colour: '--heat-2', hatch: false },
  { word: 'TRACE', key: 'trace', number: 1, colour: '--heat-2', hatch: false },
] as const

export type SeverityKey = (typeof SEVERITIES)[number]['key'] | 'unknown'

/** The band of a severity number. */
export function severityKey(severity: number): SeverityKey {
  return SEVERITIES.find(({ number }) => severity >= number)?.key ?? 'unknown'
}

/** The band's word; the source's own word where there is no number. */
export function severityWord(log: { severity: number; severityText: string }): string {
  if (log.severity === 0) return log.severityText || '–'
  return SEVERITIES.find(({ number }) => log.severity >= number)?.word ?? '–'
}
