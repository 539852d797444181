import type { Clock } from '../../base/clock.ts'
import type { ScrapeJob } from '../../config/settings.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import type { ScrapeTrial } from '../../model/scrape.ts'
import type { MetricMetadata } from '../../model/series.ts'
import { DnsDiscovery } from './dns-discovery.ts'
import { FileDiscovery } from './file-discovery.ts'
import { Relabeller } from './relabel.ts'
import { Scraper, type TargetState } from './scraper.ts'
import { durationText, type JobDefaults, type TargetGroup, targetOf } from './target.ts'

export interface ScrapeContext {
  defaults: JobDefaults
  clock: Clock
  take(samples: DecodedSamples): Promise<unknown>
  problem(sentence: string): void
}

/** `data` of Prometheus' /api/v1/targets. */
export interface ScrapeTargets {
  activeTargets: ActiveTarget[]
  droppedTargets: { discoveredLabels: Record<string, string>; scrapePool: string; lastError?: string }[]
}

export interface ActiveTarget {
  discoveredLabels: Record<string, string>
  labels: Record<string, string>
  scrapePool: string
  scrapeUrl: string
  globalUrl: string
  lastError: string
  /** RFC 3339 */
  lastScrape: string
  /** Seconds. */
  lastScrapeDuration: number
  health: TargetState['health']
  scrapeInterval: string
  scrapeTimeout: string
}

/** What one target says of its metrics. */
export interface TargetMetadata {
  target: Record<string, string>
  metadata: MetricMetadata[]
}

/** A discovered thing that is not scraped. */
interface DroppedTarget {
  discovered: Record<string, string>
  why: string
}

/** A job discovers at most so many targets. */
const MOST_TARGETS = 5000

/** One job: what it discovers, and a scraper for each target. */
export class ScrapePool {
  readonly job: ScrapeJob
  #context: ScrapeContext
  #relabeller: Relabeller
  #metricRelabeller: Relabeller
  #groups = new Map<string, TargetGroup[]>()
  #scrapers = new Map<string, Scraper>()
  #dropped: DroppedTarget[] = []
  #discoveries: { stop(): Promise<void> }[] = []
  #stopping: Promise<void>[] = []
  #stopped = false

  /** @throws Error for a relabelling rule that cannot be read */
  constructor(job: ScrapeJob, context: ScrapeContext) {
    this.job = job
    this.#context = context
    this.#relabeller = new Relabeller(job.relabel)
    this.#metricRelabeller = new Relabeller(job.metricRelabel)
    const updateOf = (source: string) => (groups: TargetGroup[]) => this.#update(source, groups)
    updateOf('static')(job.static.map(({ targets, labels }, i) => ({ source: String(i), targets, labels })))
    if (job.files.length > 0) this.#discoveries.push(new FileDiscovery(job.files, updateOf('file'), context.problem))
    for (const [i, lookup] of job.dns.entries())
      this.#discoveries.push(new DnsDiscovery(lookup, updateOf(`dns/${i}`), context.problem))
  }

  /** Starts scrapers for what is new and stops those of what is gone; the others go on undisturbed. */
  #update(source: string, groups: TargetGroup[]): void {
    if (this.#stopped) return
    this.#groups.set(source, groups)
    const wanted = new Set<string>()
    this.#dropped = []
    for (const group of [...this.#groups.values()].flat()) {
      for (const address of group.targets) {
        const { discovered, target, why } = targetOf(address, group, this.job, this.#context.defaults, this.#relabeller)
        const key = JSON.stringify([target?.url, target?.labels, target?.intervalMs, target?.timeoutMs])
        if (!target) this.#dropped.push({ discovered, why })
        else if (wanted.size >= MOST_TARGETS && !wanted.has(key))
          this.#dropped.push({ discovered, why: `the job has more than ${MOST_TARGETS} targets` })
        else {
          wanted.add(key)
          if (this.#scrapers.has(key)) continue
          const { clock, take } = this.#context
          const scraper = new Scraper({ target, job: this.job, metricRelabeller: this.#metricRelabeller, clock, take })
          this.#scrapers.set(key, scraper)
        }
      }
    }
    for (const [key, scraper] of this.#scrapers) {
      if (wanted.has(key)) continue
      this.#scrapers.delete(key)
      this.#stopping.push(scraper.stop().catch((error: Error) => this.#context.problem(error.message)))
    }
  }

  /** As `/api/v1/targets` shows them. */
  targets(): ScrapeTargets {
    return {
      activeTargets: [...this.#scrapers.values()].map(({ target, state }) => ({
        discoveredLabels: target.discovered,
        labels: target.labels,
        scrapePool: this.job.job,
        scrapeUrl: target.url,
        globalUrl: target.url,
        lastError: state.lastError,
        lastScrape: new Date(state.lastScrape).toISOString(),
        lastScrapeDuration: state.lastDurationSeconds,
        health: state.health,
        scrapeInterval: durationText(target.intervalMs),
        scrapeTimeout: durationText(target.timeoutMs),
      })),
      droppedTargets: this.#dropped.map(({ discovered, why }) => ({
        discoveredLabels: discovered,
        scrapePool: this.job.job,
        ...(why ? { lastError: why } : {}),
      })),
    }
  }

  /** The targets as a test of the job shows them. */
  tried(): ScrapeTrial['targets'] {
    return [...this.#scrapers.values()].map(({ target, state }) => ({
      url: target.url,
      labels: target.labels,
      health: state.health,
      error: state.lastError,
      samples: state.samples,
      ms: Math.round(state.lastDurationSeconds * 1000),
    }))
  }

  /** What the targets said of their metrics when they were last scraped; of all, or of one metric. */
  metadata(metric: string | null): TargetMetadata[] {
    return [...this.#scrapers.values()].map((scraper) => ({
      target: scraper.target.labels,
      metadata: metric === null ? scraper.metadata : scraper.metadata.filter((one) => one.metric === metric),
    }))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#discoveries.map((one) => one.stop()))
    await Promise.all([...this.#scrapers.values()].map((one) => one.stop()))
    await Promise.all(this.#stopping)
    this.#scrapers.clear()
  }
}
