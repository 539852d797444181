/** Work that takes longer than a request: backups, moves between engines, imports. Times are µs since 1970. */
export interface Job {
  id: string
  /** `migrate`, `backup`, …: what `JobRegistry.register` knows. */
  kind: string
  state: JobState
  progress: JobProgress
  /** Units of `progress` a second over the last seconds; null before there is one. */
  rate: number | null
  /** µs that are left at this rate; null when it cannot be told. */
  eta: number | null
  /** The newest lines, oldest first; lists of jobs carry the last few only. */
  log: JobLogLine[]
  /** Older lines that were let go. */
  logDropped: number
  /** What it was asked to do, without secrets. */
  input: unknown
  /** What came of it, in the shape of its kind; null until it is done. */
  result: unknown
  error: { code: string; message: string; hint: string } | null
  createdAt: number
  /** Of the last run: a job that goes on after a restart starts again. */
  startedAt: number | null
  endedAt: number | null
  /** How often it was started, 1 for most. */
  runs: number
}

/**
 * running → done | failed | cancelled. `cancelling` while a cancelled job puts back what it did; `interrupted` when the
 * host ended under it: kinds that can go on then run again when the host is back.
 */
export type JobState = 'running' | 'cancelling' | 'done' | 'failed' | 'cancelled' | 'interrupted'

export interface JobProgress {
  /** A word of the job's kind for what it does now: `estimate`, `copy`, `verify`. */
  phase: string
  done: number
  /** null while it is not known. */
  total: number | null
  unit: 'rows' | 'bytes' | 'steps'
}

export interface JobLogLine {
  time: number
  level: 'info' | 'warn' | 'error'
  text: string
}

/** Whether nothing will happen to the job any more. */
export function jobEnded({ state }: Pick<Job, 'state'>): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled' || state === 'interrupted'
}
