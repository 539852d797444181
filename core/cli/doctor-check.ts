/** One thing that `glassbox doctor` looked at. */
export interface Check {
  name: string
  ok: boolean
  detail: string
  /** What to do, '' when nothing. */
  hint: string
  /** Stored data is damaged. */
  damaged?: boolean
  /** Worth knowing, and no failure of the check as a whole. */
  advice?: boolean
}
