/** What became of a file that was taken in: counts of what was stored, and which of its lines were not. */
export interface ImportAnswer {
  traces: number
  spans: number
  logs: number
  points: number
  refused: { line: number; reason: string }[]
  warnings: string[]
}
