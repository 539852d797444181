import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { RpcClient, serveRpc } from '../../base/rpc.ts'
import type { ScrapeJob } from '../../config/settings.ts'
import { packDecoded } from '../../model/packed-samples.ts'
import { ScrapePool, type ScrapeTargets } from './scrape-pool.ts'
import type { JobDefaults } from './target.ts'
import { testJob } from './test-job.ts'

/** What the main thread hands over at start. */
export interface ScrapeWorkerData {
  jobs: ScrapeJob[]
  defaults: JobDefaults
}

/** The thread that discovers, fetches and parses: a body of many MB never holds up the main thread. */
if (!parentPort) throw new Error('scrape.worker.ts runs as a worker')
const main = new RpcClient(parentPort)
const { jobs, defaults } = workerData as ScrapeWorkerData
const problem = (sentence: string): void => main.notify('problem', sentence)
const pools: ScrapePool[] = []
for (const job of jobs) {
  try {
    pools.push(
      new ScrapePool(job, {
        defaults,
        clock: systemClock,
        problem: (sentence) => problem(`scrape job ${job.job}: ${sentence}`),
        take: (samples) => {
          const { decoded, transfer } = packDecoded(samples)
          return main.call('samples', decoded, transfer)
        },
      }),
    )
  } catch (error) {
    problem(`scrape job ${job.job} does not run: ${(error as Error).message}`)
  }
}

serveRpc(parentPort, {
  metadata: (metric: string | null) => pools.flatMap((pool) => pool.metadata(metric)),
  targets: (): ScrapeTargets => {
    const all = pools.map((pool) => pool.targets())
    return {
      activeTargets: all.flatMap(({ activeTargets }) => activeTargets),
      droppedTargets: all.flatMap(({ droppedTargets }) => droppedTargets),
    }
  },
  test: (job: ScrapeJob) => testJob(job, defaults),
  stop: async () => {
    await Promise.all(pools.map((pool) => pool.stop()))
  },
})
