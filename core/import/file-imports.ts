import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import { GlassboxError } from '../base/errors.ts'
import type { JobKind, RunningJob } from '../jobs/job-kind.ts'
import type { JobRegistry } from '../jobs/job-registry.ts'
import type { ImportAnswer } from '../model/import.ts'
import type { PackedDecoded } from '../model/packed-samples.ts'
import type { IngestOutcome, Pipeline } from '../pipeline/ingest.ts'
import { decodeInThread, type TakenSamples } from './decode-in-thread.ts'

/** Each file is decoded in a thread of its own. */
const MOST_RUNNING = 4
/** A file that is worth a job: with progress, and a way to stop it. */
const LONG_BYTES = 4 * 1024 * 1024
/** Refused lines in the log of a job; its sender is told all of them. */
const REFUSED_IN_LOG = 20
/** A storage that is behind is waited for: a file has time. */
const MOST_ATTEMPTS = 120
const RETRY_MS = 250

/** A file whose sender waits for what comes of it. */
export interface FileToTake {
  stream: AsyncIterable<Uint8Array>
  name: string
  /** Null while it is not known. */
  bytes: number | null
  /** Aborts when its sender goes. */
  signal: AbortSignal
}

/** What a job shows of a file that is taken in. */
interface ImportInput {
  name: string
  bytes: number | null
  upload: string
}

/** A file of a job on its way, and what came of it. */
interface Arriving extends FileToTake {
  outcome: { answer: ImportAnswer } | { error: unknown } | null
}

interface ImportParts {
  pipeline: Pipeline
  clock: Clock
  jobs: Pick<JobRegistry, 'register' | 'start' | 'ended'>
}

/** Takes files of telemetry in while they are sent; long ones as jobs of the kind `import`. */
export class FileImports {
  readonly #parts: ImportParts
  #running = 0
  /** By the upload that the input of its job names. */
  #arriving = new Map<string, Arriving>()

  constructor(parts: ImportParts) {
    this.#parts = parts
    parts.jobs.register(this.#kind())
  }

  /**
   * Resolves once everything in the file is stored or refused.
   * @throws GlassboxError `overloaded` at four files, `query_cancelled` when it was stopped: what was taken before stays
   */
  async take(file: FileToTake): Promise<ImportAnswer> {
    const { name, bytes } = file
    if (bytes !== null && bytes < LONG_BYTES) return this.#decode(file)
    const upload = randomUUID()
    const arriving: Arriving = { ...file, outcome: null }
    this.#arriving.set(upload, arriving)
    try {
      const job = await this.#parts.jobs.start('import', { name, bytes, upload } satisfies ImportInput)
      await this.#parts.jobs.ended(job.id)
    } finally {
      this.#arriving.delete(upload)
    }
    const { outcome } = arriving
    if (outcome && 'answer' in outcome) return outcome.answer
    throw outcome?.error ?? new GlassboxError('query_cancelled', 'the import was cancelled')
  }

  /** A job ends with its sender: nobody could send the rest to the next host. */
  #kind(): JobKind<ImportInput, null> {
    return { kind: 'import', exclusive: null, resumable: false, run: (job) => this.#run(job) }
  }

  async #run({ input, signal, progress, log }: RunningJob<ImportInput, null>): Promise<object> {
    const arriving = this.#arriving.get(input.upload)
    if (!arriving) throw new GlassboxError('internal', 'nobody sends the file of this import')
    const told = (done: number): void => progress({ phase: 'import', done, total: input.bytes, unit: 'bytes' })
    told(0)
    try {
      const both = AbortSignal.any([signal, arriving.signal])
      const answer = await this.#decode({ ...arriving, signal: both }, told)
      arriving.outcome = { answer }
      for (const { line, reason } of answer.refused.slice(0, REFUSED_IN_LOG)) log(`line ${line}: ${reason}`, 'warn')
      for (const warning of answer.warnings) log(warning, 'warn')
      const { traces, spans, logs, points, refused } = answer
      return { file: input.name, traces, spans, logs, points, refused: refused.length }
    } catch (error) {
      arriving.outcome = { error }
      throw signal.aborted ? signal.reason : error
    }
  }

  async #decode({ stream, name, signal }: FileToTake, progress?: (bytes: number) => void): Promise<ImportAnswer> {
    const { pipeline, clock } = this.#parts
    if (this.#running >= MOST_RUNNING)
      throw new GlassboxError(
        'overloaded',
        `${this.#running} files are being imported`,
        'Send this one when they are done.',
      )
    this.#running++
    try {
      const answer = await decodeInThread({
        stream,
        name,
        signal,
        progress,
        receivedUs: clock.nowUs(),
        // The pipeline owns the batch from here on.
        take: async (batch) => (await pipeline.ingestBatch(batch)).accepted,
        takeSamples: (samples) => takeSamples(pipeline, samples),
      })
      await pipeline.drain()
      return answer
    } finally {
      this.#running--
    }
  }
}

async function takeSamples(pipeline: Pipeline, decoded: PackedDecoded): Promise<TakenSamples> {
  for (let attempt = 0; ; attempt++) {
    // Copied, not handed over: it may have to go again.
    const outcome: IngestOutcome = await pipeline.ingestSamples({ decoded, transfer: [] })
    const { refused, accepted, rejected, message } = outcome
    if (!refused) return { accepted, warning: rejected > 0 ? message : '' }
    if (attempt >= MOST_ATTEMPTS) throw new GlassboxError('storage_unavailable', message)
    await setTimeout(RETRY_MS)
  }
}
