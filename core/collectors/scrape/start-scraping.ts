import { Worker } from 'node:worker_threads'
import { GlassboxError } from '../../base/errors.ts'
import { RpcClient, serveRpc } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import type { ScrapeJob, Settings } from '../../config/settings.ts'
import { columnsOf, type PackedDecoded } from '../../model/packed-samples.ts'
import type { ScrapeTrial } from '../../model/scrape.ts'
import type { Pipeline } from '../../pipeline/ingest.ts'
import type { ScrapeWorkerData } from './scrape.worker.ts'
import type { ScrapeTargets, TargetMetadata } from './scrape-pool.ts'

export interface ScrapingOptions {
  settings: Settings
  pipeline: Pick<Pipeline, 'ingestSamples'>
  problem(sentence: string): void
}

/** Scraping as the host holds it. */
export interface Scraping {
  /** `data` of Prometheus' /api/v1/targets. */
  targets(): Promise<ScrapeTargets>
  /** What each target says of its metrics, or of one. */
  metadata(metric: string | null): Promise<TargetMetadata[]>
  /** Scrapes every target of a job once, on a thread of its own, and stores nothing. */
  test(job: ScrapeJob): Promise<ScrapeTrial>
  /** Starts anew when the settings of scraping changed. */
  configure(settings: Settings): void
  stop(): Promise<void>
}

const RESTART_MS = 5000

interface Thread {
  worker: Worker
  rpc: RpcClient
}

/** Starts the scraping thread; without jobs there is none. One that dies is started again after 5 s. */
export function startScraping({ settings, pipeline, problem }: ScrapingOptions): Scraping {
  let config = settings.collectors.scrape
  let thread: Thread | null = null
  let changing: Promise<void> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let stopped = false

  function start(): void {
    if (stopped || thread || config.jobs.length === 0) return
    const { jobs, intervalMs, timeoutMs } = config
    const worker = new Worker(workerFile(import.meta.url, './scrape.worker.ts'), {
      name: 'scrape',
      workerData: { jobs, defaults: { intervalMs, timeoutMs } } satisfies ScrapeWorkerData,
    })
    const rpc = new RpcClient(worker)
    serveRpc(worker, {
      problem,
      samples: async (decoded: PackedDecoded) => {
        await pipeline.ingestSamples({ decoded, transfer: columnsOf(decoded.packed) })
      },
    })
    const started = { worker, rpc }
    thread = started
    worker.on('error', (error) => problem(`the scraping thread died: ${error.stack ?? error.message}`))
    worker.on('exit', () => {
      rpc.close(new GlassboxError('overloaded', 'the scraping thread stopped before it answered'))
      if (thread !== started) return
      thread = null
      timer = setTimeout(start, RESTART_MS)
    })
  }

  async function end(): Promise<void> {
    clearTimeout(timer)
    const ending = thread
    thread = null
    if (!ending) return
    await ending.rpc
      .call('stop', null)
      .catch((error: Error) => problem(`scraping did not stop cleanly: ${error.message}`))
    await ending.worker.terminate()
  }

  start()
  return {
    targets: async () =>
      thread ? thread.rpc.call<ScrapeTargets>('targets', null) : { activeTargets: [], droppedTargets: [] },
    metadata: async (metric) => (thread ? thread.rpc.call<TargetMetadata[]>('metadata', metric) : []),
    async test(job) {
      const { intervalMs, timeoutMs } = config
      const worker = new Worker(workerFile(import.meta.url, './scrape.worker.ts'), {
        name: 'scrape-test',
        workerData: { jobs: [], defaults: { intervalMs, timeoutMs } } satisfies ScrapeWorkerData,
      })
      const rpc = new RpcClient(worker)
      worker.on('error', (error) => rpc.close(error))
      try {
        return await rpc.call<ScrapeTrial>('test', job)
      } finally {
        await worker.terminate()
      }
    },
    configure(changed) {
      const next = changed.collectors.scrape
      if (JSON.stringify(next) === JSON.stringify(config)) return
      config = next
      changing = changing.then(end).then(start)
    },
    async stop() {
      stopped = true
      await changing
      await end()
    },
  }
}
