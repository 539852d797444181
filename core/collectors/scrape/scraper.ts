import { createHash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import { SampleBatchBuilder, sortedLabels } from '../../model/sample-batch-builder.ts'
import type { Labels } from '../../model/series.ts'
import { seriesKey } from '../../model/series-key.ts'
import { type Scraped, type ScrapeTarget, scrape } from './scrape-target.ts'

export interface ScraperOptions {
  target: ScrapeTarget
  clock: Clock
  take(samples: DecodedSamples): Promise<unknown>
}

/** What `/api/v1/targets` says of one target. */
export interface TargetState {
  health: 'up' | 'down' | 'unknown'
  lastError: string
  /** Whole ms since the epoch; 0 = never. */
  lastScrape: number
  lastDurationSeconds: number
}

/** Scrapes one target at its interval, offset by a hash of its address. Rounds never overlap or catch up. */
export class Scraper {
  readonly target: ScrapeTarget
  state: TargetState = { health: 'unknown', lastError: '', lastScrape: 0, lastDurationSeconds: 0 }
  #options: ScraperOptions
  #instance: string
  /** Series without own times of the last scrape: those that are missing in the next get a stale marker. */
  #last = new Map<string, Labels>()
  #timer: NodeJS.Timeout
  #running: Promise<void> | null = null

  constructor(options: ScraperOptions) {
    this.#options = options
    this.target = options.target
    this.#instance = new URL(options.target.url).host
    const hash = createHash('sha256').update(options.target.url).digest().readUInt32LE(0)
    const first = Math.min(hash % options.target.intervalMs, 1000)
    this.#timer = setTimeout(() => {
      this.#timer = setInterval(() => this.#tick(), options.target.intervalMs)
      this.#timer.unref()
      this.#tick()
    }, first)
    this.#timer.unref()
  }

  #tick(): void {
    this.#running ??= this.round()
      .catch((error: Error) => {
        this.state = { ...this.state, lastError: error.message }
      })
      .finally(() => {
        this.#running = null
      })
  }

  /** One scrape, written whatever became of it. */
  async round(): Promise<void> {
    const { clock } = this.#options
    const time = Math.floor(clock.nowUs() / 1000)
    const begin = clock.monotonicMs()
    let found: Scraped | null = null
    let why = ''
    try {
      found = await scrape(this.target)
    } catch (error) {
      why = (error as Error).message
    }
    const seconds = (clock.monotonicMs() - begin) / 1000
    this.state = { health: found ? 'up' : 'down', lastError: why, lastScrape: time, lastDurationSeconds: seconds }
    await this.#options.take(this.#samples(found, time, seconds))
  }

  #samples(found: Scraped | null, time: number, seconds: number): DecodedSamples {
    const builder = new SampleBatchBuilder()
    const now = new Map<string, Labels>()
    let added = 0
    for (const sample of found?.samples ?? []) {
      const labels = this.#labels(sample.labels)
      const series = builder.series(labels)
      builder.float(series, sample.time ?? time, sample.value)
      if (sample.exemplar)
        builder.exemplar(series, {
          labels: sortedLabels(sample.exemplar.labels),
          value: sample.exemplar.value,
          time: sample.exemplar.time ?? time,
        })
      if (sample.time !== null) continue
      const key = seriesKey(labels)
      now.set(key, labels)
      if (!this.#last.has(key)) added++
    }
    for (const [key, labels] of this.#last) if (!now.has(key)) builder.stale(builder.series(labels), time)
    this.#last = now
    const count = found?.samples.length ?? 0
    const own: [string, number][] = [
      ['up', found ? 1 : 0],
      ['scrape_duration_seconds', seconds],
      ['scrape_samples_scraped', count],
      ['scrape_samples_post_metric_relabeling', count],
      ['scrape_series_added', added],
    ]
    for (const [name, value] of own) builder.float(builder.series(this.#labels([['__name__', name]])), time, value)
    for (const metadata of found?.metadata ?? []) builder.metadata(metadata)
    return { batch: builder.finish(), pointOf: null, points: builder.count, rejected: [], warnings: [], services: [] }
  }

  #labels(scraped: readonly (readonly [string, string])[]): Labels {
    const target = new Map([
      ...Object.entries(this.target.labels),
      ['job', this.target.job],
      ['instance', this.#instance],
    ])
    const out = new Map<string, string>(target)
    for (const [name, value] of scraped) {
      if (value === '') continue
      if (!target.has(name) || this.target.honorLabels) out.set(name, value)
      else {
        let renamed = `exported_${name}`
        while (scraped.some(([other]) => other === renamed) || target.has(renamed)) renamed = `exported_${renamed}`
        out.set(renamed, value)
      }
    }
    return sortedLabels(out)
  }

  /** Stops; what the target had gets stale markers, so that it ends at once. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#running
    if (this.#last.size === 0) return
    const time = Math.floor(this.#options.clock.nowUs() / 1000)
    const builder = new SampleBatchBuilder()
    for (const labels of this.#last.values()) builder.stale(builder.series(labels), time)
    this.#last.clear()
    const batch = builder.finish()
    await this.#options.take({
      batch,
      pointOf: null,
      points: batch.times.length,
      rejected: [],
      warnings: [],
      services: [],
    })
  }
}

/** `data` of Prometheus' /api/v1/targets. */
export function targetsAnswer(scrapers: readonly Scraper[]): object {
  return {
    activeTargets: scrapers.map(({ target, state }) => {
      const labels = { ...target.labels, job: target.job, instance: new URL(target.url).host }
      return {
        discoveredLabels: { ...labels, __address__: labels.instance },
        labels,
        scrapePool: target.job,
        scrapeUrl: target.url,
        globalUrl: target.url,
        lastError: state.lastError,
        lastScrape: new Date(state.lastScrape).toISOString(),
        lastScrapeDuration: state.lastDurationSeconds,
        health: state.health,
        scrapeInterval: `${target.intervalMs / 1000}s`,
        scrapeTimeout: `${target.timeoutMs / 1000}s`,
      }
    }),
    droppedTargets: [],
  }
}
