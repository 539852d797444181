import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { GlassboxError } from '../../base/errors.ts'
import { RpcClient, serveRpc, Transferred } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import type { JobKind } from '../../jobs/job-kind.ts'
import type { TelemetryBatch } from '../../model/columns.ts'
import type { PackedDecoded } from '../../model/packed-samples.ts'
import type { IngestOutcome, Pipeline } from '../../pipeline/ingest.ts'
import type { ImportAnswer } from '../contract/shapes.ts'
import type { Handlers } from '../handler.ts'
import type { ApiServices } from '../services.ts'

/** A guard against a stream without end, not against large files: those are read piece by piece. */
const maxBytes = 256 * 1024 ** 3
/** Each runs in a thread of its own. */
const maxRunning = 4
let running = 0

/** A file that is worth a job: with progress, and a way to stop it. */
const longBytes = 4 * 1024 * 1024

export const importHandlers: Handlers<'importFile'> = {
  async importFile({ query, stream, context, reply, services }) {
    const length = Number(reply.request.headers['content-length'])
    const bytes = Number.isSafeInteger(length) && length > 0 ? length : (query.size ?? null)
    const file = { stream, name: query.name, bytes, signal: context.signal }
    if (bytes !== null && bytes < longBytes) return takeFile(services, file)
    const upload = randomUUID()
    const arriving: Arriving = { ...file, outcome: null }
    arrivals.set(upload, arriving)
    try {
      const job = await services.jobs.start('import', { name: query.name, bytes, upload })
      await services.jobs.ended(job.id)
    } finally {
      arrivals.delete(upload)
    }
    const { outcome } = arriving
    if (outcome && 'answer' in outcome) return outcome.answer
    throw outcome?.error ?? new GlassboxError('query_cancelled', 'the import was cancelled')
  },
}

interface FileToTake {
  stream: AsyncIterable<Uint8Array>
  name: string
  /** Null while it is not known. */
  bytes: number | null
  signal: AbortSignal
  /** Told how many bytes were read. */
  progress?(bytes: number): void
}

/** A file whose sender waits for what comes of it. */
interface Arriving extends FileToTake {
  outcome: { answer: ImportAnswer } | { error: unknown } | null
}
const arrivals = new Map<string, Arriving>()

/** What a job shows of a file that is taken in. */
export interface ImportInput {
  name: string
  bytes: number | null
  upload: string
}

const refusedInJob = 20

/** Takes in a file that is still being sent; it ends with its sender. */
export function importJob(parts: ImportParts): JobKind<ImportInput, null> {
  return {
    kind: 'import',
    exclusive: null,
    resumable: false,
    async run({ input, signal, progress, log }) {
      const arriving = arrivals.get(input.upload)
      if (!arriving) throw new GlassboxError('internal', 'nobody sends the file of this import')
      const told = (done: number): void => progress({ phase: 'import', done, total: input.bytes, unit: 'bytes' })
      told(0)
      try {
        const both = AbortSignal.any([signal, arriving.signal])
        const answer = await takeFile(parts, { ...arriving, signal: both, progress: told })
        arriving.outcome = { answer }
        for (const { line, reason } of answer.refused.slice(0, refusedInJob)) log(`line ${line}: ${reason}`, 'warn')
        for (const warning of answer.warnings) log(warning, 'warn')
        const { traces, spans, logs, points, refused } = answer
        return { file: input.name, traces, spans, logs, points, refused: refused.length }
      } catch (error) {
        arriving.outcome = { error }
        throw signal.aborted ? signal.reason : error
      }
    },
  }
}

type ImportParts = Pick<ApiServices, 'pipeline' | 'clock'>

async function takeFile({ pipeline, clock }: ImportParts, file: FileToTake): Promise<ImportAnswer> {
  if (running >= maxRunning)
    throw new GlassboxError('overloaded', `${running} files are being imported`, 'Send this one when they are done.')
  running++
  try {
    const answer = await decodeInThread({
      ...file,
      receivedUs: clock.nowUs(),
      // The pipeline owns the batch from here on.
      take: async (batch) => (await pipeline.ingestBatch(batch)).accepted,
      takeSamples: (samples) => takeSamples(pipeline, samples),
    })
    await pipeline.drain()
    return answer
  } finally {
    running--
  }
}

const maxAttempts = 120
const retryMs = 250

/** A storage that is behind is waited for: a file has time. */
async function takeSamples(pipeline: Pipeline, decoded: PackedDecoded): Promise<TakenSamples> {
  for (let attempt = 0; ; attempt++) {
    // Copied, not handed over: it may have to go again.
    const outcome: IngestOutcome = await pipeline.ingestSamples({ decoded, transfer: [] })
    const { refused, accepted, rejected, message } = outcome
    if (!refused) return { accepted, warning: rejected > 0 ? message : '' }
    if (attempt >= maxAttempts) throw new GlassboxError('storage_unavailable', message)
    await setTimeout(retryMs)
  }
}

/** What became of samples; `warning` says which were not stored, or is empty. */
export interface TakenSamples {
  accepted: number
  warning: string
}

interface Import {
  stream: AsyncIterable<Uint8Array>
  name: string
  /** Wall clock, µs. */
  receivedUs: number
  /** Stops the thread at once, whatever it does. */
  signal: AbortSignal
  progress?(bytes: number): void
  /** Takes rows over; answers how many were accepted. */
  take(batch: TelemetryBatch): Promise<number>
  takeSamples(samples: PackedDecoded): Promise<TakenSamples>
}

/** This thread only hands bytes and rows on; see import.worker.ts for who waits for whom. */
async function decodeInThread({
  stream,
  name,
  receivedUs,
  signal,
  progress,
  take,
  takeSamples,
}: Import): Promise<ImportAnswer> {
  const stopped = new GlassboxError('query_cancelled', 'the import was cancelled; what was taken before stays')
  if (signal.aborted) throw stopped
  const worker = new Worker(workerFile(import.meta.url, './import.worker.ts'), { name: 'import' })
  const rpc = new RpcClient(worker)
  const chunks = stream[Symbol.asyncIterator]()
  let total = 0
  serveRpc(worker, {
    take,
    takeSamples,
    async read() {
      const { value, done } = await chunks.next()
      if (done) return null
      total += value.length
      if (total > maxBytes)
        throw new GlassboxError('too_large', `The file is larger than ${maxBytes} bytes.`, 'Split it.')
      progress?.(total)
      const own = new Uint8Array(value)
      return new Transferred(own, [own.buffer])
    },
  })
  const cancel = (): void => {
    rpc.close(stopped)
    void worker.terminate()
  }
  signal.addEventListener('abort', cancel, { once: true })
  worker.on('error', (error) => rpc.close(error))
  worker.on('exit', () => rpc.close(new GlassboxError('internal', 'the import thread ended before it was done')))
  try {
    return await rpc.call<ImportAnswer>('run', { name, receivedUs })
  } catch (error) {
    // Nothing more is read; it is not waited for, as the sender may be silent.
    void chunks.return?.().catch(() => undefined)
    throw error
  } finally {
    signal.removeEventListener('abort', cancel)
    await worker.terminate()
  }
}
