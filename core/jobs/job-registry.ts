import { randomUUID } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { GlassboxError } from '../base/errors.ts'
import { type Job, type JobLogLine, type JobProgress, jobEnded } from '../model/job.ts'
import { type JobKind, JobStopped, type RunningJob } from './job-kind.ts'
import { ProgressMeter } from './progress-meter.ts'

/** A job as it is kept: what is shown and what it needs to go on, as JSON, and its secret apart. */
export interface StoredJob {
  id: string
  createdAt: number
  body: string
  secret: string | null
}

/** Where jobs outlive the host. Each call is durable when it resolves. */
export interface JobStore {
  loadJobs(): StoredJob[]
  saveJob(job: StoredJob): Promise<void>
  removeJobs(ids: string[]): Promise<void>
}

interface Log {
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

interface Entry {
  job: Job
  checkpoint: unknown
  secret: string | null
  meter: ProgressMeter
  /** Present while it runs. */
  control: AbortController | null
  held: boolean
  finished: Promise<void>
  /** Ends when the last change is on disk. */
  saved: Promise<void>
  savedMs: number
}

const MOST_RUNNING = 8
const MOST_HISTORY = 200
const MOST_LINES = 500
const LINES_IN_LIST = 3
/** Progress alone is written at most so often. */
const SAVE_MS = 2000

/** Every long job of this host: starts, shows, cancels and remembers them. */
export class JobRegistry {
  readonly #store: JobStore
  readonly #clock: Clock
  readonly #log: Log
  #kinds = new Map<string, JobKind<never, never>>()
  #entries = new Map<string, Entry>()
  #listeners = new Set<(id: string) => void>()
  #stopping = false

  /** Reads the history. Nothing runs before `resume`. */
  constructor(store: JobStore, clock: Clock, log: Log) {
    this.#store = store
    this.#clock = clock
    this.#log = log
    for (const { id, body, secret } of store.loadJobs()) {
      const { job, checkpoint } = JSON.parse(body) as { job: Job; checkpoint: unknown }
      this.#entries.set(id, this.#entry(job, secret, checkpoint))
    }
  }

  #entry(job: Job, secret: string | null, checkpoint: unknown): Entry {
    const done = Promise.resolve()
    const meter = new ProgressMeter()
    return { job, secret, checkpoint, meter, control: null, held: false, finished: done, saved: done, savedMs: 0 }
  }

  register<I, C>(kind: JobKind<I, C>): void {
    this.#kinds.set(kind.kind, kind as unknown as JobKind<never, never>)
  }

  /** After all kinds are registered: jobs that the last host left unfinished go on, or are marked as interrupted. */
  async resume(): Promise<void> {
    for (const entry of this.#entries.values()) {
      const { job } = entry
      if (job.endedAt !== null) continue
      const kind = this.#kinds.get(job.kind)
      const cancelled = job.state === 'cancelling'
      if (kind?.resumable) {
        this.#addLine(entry, 'warn', 'The host ended under this job; it goes on.')
        this.#run(entry, kind, cancelled)
      } else {
        this.#addLine(entry, 'warn', 'The host ended under this job.')
        Object.assign(job, { state: 'interrupted', endedAt: this.#clock.nowUs(), rate: null, eta: null })
        await this.#save(entry)
      }
    }
  }

  /**
   * Starts a job and answers as soon as it is on disk.
   * @param input is shown to whoever may see jobs; a password belongs in `secret`.
   * @throws GlassboxError `job_running` when one that excludes it runs, `overloaded` at eight running jobs
   */
  async start(kindName: string, input: unknown, secret: string | null = null): Promise<Job> {
    const kind = this.#kinds.get(kindName)
    if (!kind) throw new GlassboxError('internal', `there is no kind of job ${kindName}`)
    if (this.#stopping) throw new GlassboxError('overloaded', 'This Glassbox is about to stop.')
    const running = [...this.#entries.values()].filter(({ job }) => !jobEnded(job))
    const rival = running.find(({ job }) => {
      const word = this.#kinds.get(job.kind)?.exclusive ?? null
      return word !== null && word === kind.exclusive
    })
    if (rival) throw new GlassboxError('job_running', `Job ${rival.job.id} (${rival.job.kind}) is still running.`)
    if (running.length >= MOST_RUNNING) throw new GlassboxError('overloaded', `${MOST_RUNNING} jobs are running.`)
    const now = this.#clock.nowUs()
    const job: Job = {
      id: randomUUID(),
      kind: kindName,
      state: 'running',
      progress: { phase: 'start', done: 0, total: null, unit: 'steps' },
      rate: null,
      eta: null,
      log: [],
      logDropped: 0,
      input,
      result: null,
      error: null,
      createdAt: now,
      startedAt: now,
      endedAt: null,
      runs: 0,
    }
    const entry = this.#entry(job, secret, null)
    this.#entries.set(job.id, entry)
    try {
      await this.#save(entry)
    } catch (error) {
      this.#entries.delete(job.id)
      throw error
    }
    this.#run(entry, kind, false)
    return structuredClone(job)
  }

  #run(entry: Entry, kind: JobKind<never, never>, cancelled: boolean): void {
    const { job } = entry
    const control = new AbortController()
    if (cancelled) control.abort(new JobStopped('cancelled'))
    entry.control = control
    Object.assign(job, { state: cancelled ? 'cancelling' : 'running', startedAt: this.#clock.nowUs(), error: null })
    job.runs++
    const running: RunningJob<unknown, unknown> = {
      id: job.id,
      input: job.input,
      secret: entry.secret,
      checkpoint: entry.checkpoint,
      signal: control.signal,
      progress: (progress) => this.#progress(entry, progress),
      log: (text, level = 'info') => this.#addLine(entry, level, text),
      save: async (checkpoint) => {
        entry.checkpoint = checkpoint
        await this.#save(entry)
      },
      holdCancel: () => {
        entry.held = !control.signal.aborted
        return entry.held
      },
    }
    this.#log.info({ job: job.id, kind: job.kind }, `job ${job.kind} ${job.runs > 1 ? 'goes on' : 'started'}`)
    entry.finished = this.#finish(entry, kind as JobKind<unknown, unknown>, running)
    this.#tell(entry)
  }

  async #finish(entry: Entry, kind: JobKind<unknown, unknown>, running: RunningJob<unknown, unknown>): Promise<void> {
    const { job } = entry
    try {
      job.result = (await kind.run(running)) ?? null
      this.#end(entry, 'done')
    } catch (error) {
      const reason = entry.control?.signal.reason
      const why = reason instanceof JobStopped ? reason.why : null
      // Told to stop by the host: the entry stays as it is, and the next host finds it unfinished.
      if (why === 'host stops') job.state = 'interrupted'
      else if (why === 'cancelled') {
        if (!isStop(error)) this.#fail(entry, error)
        this.#end(entry, 'cancelled')
      } else {
        this.#fail(entry, error)
        this.#end(entry, 'failed')
      }
    } finally {
      entry.control = null
    }
    try {
      await this.#save(entry)
      await this.#forgetOldest()
    } catch (error) {
      this.#log.error({ job: job.id, err: error }, 'the end of a job could not be saved')
    }
    this.#tell(entry)
  }

  #fail(entry: Entry, error: unknown): void {
    const { job } = entry
    const { code, message, hint } = asGlassboxError(error)
    job.error = { code, message, hint }
    this.#addLine(entry, 'error', message)
    this.#log.error({ job: job.id, kind: job.kind, err: error }, `job ${job.kind} failed: ${message}`)
  }

  #end(entry: Entry, state: 'done' | 'cancelled' | 'failed'): void {
    Object.assign(entry.job, { state, endedAt: this.#clock.nowUs(), rate: null, eta: null })
    entry.secret = null
    entry.checkpoint = null
    this.#log.info({ job: entry.job.id, kind: entry.job.kind }, `job ${entry.job.kind} ended: ${state}`)
  }

  #progress(entry: Entry, progress: JobProgress): void {
    const nowMs = this.#clock.monotonicMs()
    entry.job.progress = { ...progress }
    entry.meter.add(progress, nowMs)
    Object.assign(entry.job, entry.meter.read(progress))
    this.#tell(entry)
    if (nowMs - entry.savedMs < SAVE_MS) return
    this.#save(entry).catch((error: Error) =>
      this.#log.error({ job: entry.job.id, err: error }, 'the progress of a job could not be saved'),
    )
  }

  #addLine(entry: Entry, level: JobLogLine['level'], text: string): void {
    const { job } = entry
    job.log.push({ time: this.#clock.nowUs(), level, text: text.slice(0, 2000) })
    if (job.log.length > MOST_LINES) {
      job.log.shift()
      job.logDropped++
    }
    this.#tell(entry)
  }

  #save(entry: Entry): Promise<void> {
    entry.savedMs = this.#clock.monotonicMs()
    const { job, checkpoint, secret } = entry
    const body = JSON.stringify({ job, checkpoint })
    const saved = this.#store.saveJob({ id: job.id, createdAt: job.createdAt, body, secret })
    entry.saved = saved.catch(() => undefined)
    return saved
  }

  async #forgetOldest(): Promise<void> {
    const ended = [...this.#entries.values()].filter(({ job }) => job.endedAt !== null)
    const old = ended
      .sort((a, b) => a.job.createdAt - b.job.createdAt)
      .slice(0, Math.max(0, ended.length - MOST_HISTORY))
    if (old.length === 0) return
    const ids = old.map(({ job }) => job.id)
    for (const id of ids) this.#entries.delete(id)
    await this.#store.removeJobs(ids)
  }

  #tell(entry: Entry): void {
    for (const listener of this.#listeners) listener(entry.job.id)
  }

  /** Newest first, each with its last lines. */
  list(): Job[] {
    return [...this.#entries.values()]
      .map(({ job }) => job)
      .sort((a, b) => b.createdAt - a.createdAt)
      .map((job) => structuredClone({ ...job, log: job.log.slice(-LINES_IN_LIST) }))
  }

  /** @throws GlassboxError `job_not_found` */
  get(id: string): Job {
    return structuredClone(this.#find(id).job)
  }

  #find(id: string): Entry {
    const entry = this.#entries.get(id)
    if (!entry) throw new GlassboxError('job_not_found', `There is no job ${id}.`)
    return entry
  }

  /**
   * Asks a job to put back what it did and end; an ended one stays as it is.
   * @throws GlassboxError `job_not_found`; `job_not_cancellable` once it is past the point of no return
   */
  async cancel(id: string): Promise<Job> {
    const entry = this.#find(id)
    if (entry.control && entry.held) {
      throw new GlassboxError('job_not_cancellable', `Job ${id} is past the point where it could be undone.`)
    }
    if (entry.control && entry.job.state === 'running') {
      entry.job.state = 'cancelling'
      this.#addLine(entry, 'info', 'Cancel was asked for.')
      const asked = structuredClone(entry.job)
      entry.control.abort(new JobStopped('cancelled'))
      await this.#save(entry)
      return asked
    }
    return structuredClone(entry.job)
  }

  /** Resolves once the job does not run any more. */
  async ended(id: string): Promise<Job> {
    const entry = this.#find(id)
    await entry.finished
    return structuredClone(entry.job)
  }

  /** Calls `listener` with the id of each job that changed; answers how to stop that. */
  subscribe(listener: (id: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Tells all running jobs to stop, and ends after they did. They go on at the next start if their kind can. */
  async stop(): Promise<void> {
    this.#stopping = true
    const running = [...this.#entries.values()].filter(({ control }) => control !== null)
    for (const { control } of running) control?.abort(new JobStopped('host stops'))
    await Promise.all(running.map(({ finished }) => finished))
    await Promise.all([...this.#entries.values()].map(({ saved }) => saved))
    this.#listeners.clear()
  }
}

/** Whether the work ended because it was told to, and not because clearing up failed. */
function isStop(error: unknown): boolean {
  if (error instanceof JobStopped) return true
  return error instanceof GlassboxError ? error.code === 'query_cancelled' : (error as Error).name === 'AbortError'
}

function asGlassboxError(error: unknown): GlassboxError {
  if (error instanceof GlassboxError) return error
  return new GlassboxError('internal', error instanceof Error ? error.message : String(error))
}
