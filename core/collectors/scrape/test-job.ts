import { systemClock } from '../../base/clock.ts'
import type { ScrapeJob } from '../../config/settings.ts'
import type { ScrapeTrial } from '../../model/scrape.ts'
import { ScrapePool } from './scrape-pool.ts'
import type { JobDefaults } from './target.ts'

/** Discovery by files and DNS has so long to name its targets. */
const DISCOVERY_MS = 3000
/** A scraper begins within a second. */
const BEGIN_MS = 1500
const MOST_MS = 30_000

/** Scrapes every target of a job once and stores nothing. Ends when all have answered, at the latest after 30 s. */
export async function testJob(job: ScrapeJob, defaults: JobDefaults): Promise<ScrapeTrial> {
  const problems: string[] = []
  const { promise: done, resolve } = Promise.withResolvers<void>()
  const discovers = job.files.length + job.dns.length > 0
  const begun = performance.now()
  const look = (): void => {
    const targets = pool.tried()
    const named = !discovers || (targets.length > 0 && performance.now() - begun > DISCOVERY_MS)
    if (named && targets.every(({ health }) => health !== 'unknown')) resolve()
  }
  const pool: ScrapePool = new ScrapePool(job, {
    defaults,
    clock: systemClock,
    take: async () => look(),
    problem: (sentence) => problems.push(sentence),
  })
  const scrapeMs = Math.min(job.timeoutMs ?? defaults.timeoutMs, job.intervalMs ?? defaults.intervalMs)
  const deadline = setTimeout(resolve, Math.min(MOST_MS, scrapeMs + BEGIN_MS + (discovers ? DISCOVERY_MS : 0)))
  if (!discovers) look()
  await done
  clearTimeout(deadline)
  const trial = {
    targets: pool.tried(),
    dropped: pool.targets().droppedTargets.map(({ discoveredLabels, lastError = '' }) => ({
      labels: discoveredLabels,
      why: lastError,
    })),
    problems,
  }
  await pool.stop()
  return trial
}
