import { Worker } from 'node:worker_threads'
import { GlassboxError } from '../base/errors.ts'
import { RpcClient, serveRpc, Transferred } from '../base/rpc.ts'
import { workerFile } from '../base/worker-file.ts'
import type { TelemetryBatch } from '../model/columns.ts'
import type { ImportAnswer } from '../model/import.ts'
import type { PackedDecoded } from '../model/packed-samples.ts'

/** A guard against a stream without end, not against large files: those are read piece by piece. */
const MOST_BYTES = 256 * 1024 ** 3

/** What became of samples; `warning` says which were not stored, or is empty. */
export interface TakenSamples {
  accepted: number
  warning: string
}

export interface FileToDecode {
  stream: AsyncIterable<Uint8Array>
  name: string
  /** Wall clock, µs. */
  receivedUs: number
  /** Stops the thread at once, whatever it does. */
  signal: AbortSignal
  /** Told how many bytes were read. */
  progress?(bytes: number): void
  /** Takes rows over; answers how many were accepted. */
  take(batch: TelemetryBatch): Promise<number>
  takeSamples(samples: PackedDecoded): Promise<TakenSamples>
}

/**
 * Decodes a file in a thread of its own. This thread only hands bytes and rows on; see import.worker.ts for who waits for
 * whom.
 * @throws GlassboxError `query_cancelled`, `too_large`; what the stream and the takers throw
 */
export async function decodeInThread({
  stream,
  name,
  receivedUs,
  signal,
  progress,
  take,
  takeSamples,
}: FileToDecode): Promise<ImportAnswer> {
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
      if (total > MOST_BYTES)
        throw new GlassboxError('too_large', `The file is larger than ${MOST_BYTES} bytes.`, 'Split it.')
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
