import type { JobLogLine, JobProgress } from '../model/job.ts'

/** A kind of long work: one object, registered once. `I` is its input as it is shown, `C` what it needs to go on. */
export interface JobKind<I, C> {
  kind: string
  /** Of jobs with the same word only one runs at a time; a second is refused with `job_running`. null = any number. */
  exclusive: string | null
  /**
   * Goes on from its last checkpoint when the host is back. Such a `run` may also begin with its signal aborted: the host
   * ended while the cancelled job was clearing up.
   */
  resumable: boolean
  /**
   * Does the work; what it answers is the job's result. Once `signal` aborts it ends soon by throwing: after clearing up
   * when it was cancelled, leaving all as it is when the host stops (`stopReason`).
   */
  run(job: RunningJob<I, C>): Promise<unknown>
}

/** The job as the work itself sees it. */
export interface RunningJob<I, C> {
  readonly id: string
  readonly input: I
  /** A password or address with one; never shown, sealed on disk. */
  readonly secret: string | null
  /** What `save` last took, in an earlier run; null at first. */
  readonly checkpoint: C | null
  readonly signal: AbortSignal
  progress(progress: JobProgress): void
  log(text: string, level?: JobLogLine['level']): void
  /** Durable when it resolves. */
  save(checkpoint: C): Promise<void>
  /** There is no way back from here: later cancels are refused. Answers false when one came before. */
  holdCancel(): boolean
}

/** Why a job was told to end. */
export class JobStopped extends Error {
  readonly why: 'cancelled' | 'host stops'

  constructor(why: 'cancelled' | 'host stops') {
    super(why === 'cancelled' ? 'the job was cancelled' : 'the host stops')
    this.name = 'JobStopped'
    this.why = why
  }
}

/** Why `signal` of a running job aborted, or null while it has not. */
export function stopReason(signal: AbortSignal): JobStopped['why'] | null {
  if (!signal.aborted) return null
  return signal.reason instanceof JobStopped ? signal.reason.why : 'cancelled'
}
