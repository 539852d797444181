import { Worker } from 'node:worker_threads'
import { GlassboxError } from '../base/errors.ts'
import { RpcClient, serveRpc } from '../base/rpc.ts'
import { workerFile } from '../base/worker-file.ts'
import type { JobProgress } from '../model/job.ts'
import type { RestoreTarget } from './restore-telemetry.ts'

/** How long a thread that was told to stop may take to clear up. */
const STOP_MS = 5000

/** What it makes is mostly large arrays, which lie elsewhere: more room for the rest only lets them wait longer. */
const YOUNG_MB = 8

export interface ThreadOptions {
  signal?: AbortSignal
  progress?(progress: JobProgress): void
  /** Where `merge` writes. */
  target?: RestoreTarget
}

/**
 * Does one piece of work (a method of backup.worker.ts) in a thread of its own.
 * @throws what the work throws; the reason of `signal` once it aborted
 */
export async function inThread<T>(method: string, order: unknown, options: ThreadOptions = {}): Promise<T> {
  const { signal, target } = options
  signal?.throwIfAborted()
  const worker = new Worker(workerFile(import.meta.url, './backup.worker.ts'), {
    name: 'backup',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  })
  const rpc = new RpcClient(worker)
  serveRpc(worker, {
    progress: (progress: JobProgress) => options.progress?.(progress),
    write: ({ batches, cursor }: { batches: Parameters<RestoreTarget['write']>[0]; cursor: string }) =>
      target?.write(batches, cursor),
    writeSamples: (batch: Parameters<RestoreTarget['writeSamples']>[0]) => target?.writeSamples(batch),
  })
  let failure: Error | null = null
  worker.on('error', (error) => {
    failure = error
  })
  worker.on('exit', () =>
    rpc.close(failure ?? new GlassboxError('internal', 'the thread of backups ended before it was done')),
  )
  let timer: NodeJS.Timeout | undefined
  const cancel = (): void => {
    rpc.notify('cancel', null)
    timer = setTimeout(() => void worker.terminate(), STOP_MS)
  }
  signal?.addEventListener('abort', cancel, { once: true })
  try {
    return await rpc.call<T>(method, order)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', cancel)
    await worker.terminate()
  }
}
