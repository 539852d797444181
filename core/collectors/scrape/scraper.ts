import { createHash } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { ScrapeJob } from '../../config/settings.ts'
import type { ExpositionSample } from '../../formats/exposition/line-reader.ts'
import { labelFault } from '../../formats/series-check.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import { SampleBatchBuilder, sortedLabels } from '../../model/sample-batch-builder.ts'
import type { Labels, MetricMetadata } from '../../model/series.ts'
import { seriesKey } from '../../model/series-key.ts'
import { ScrapeConnection } from './connection.ts'
import type { Relabeller } from './relabel.ts'
import { type Scraped, scrape } from './scrape-target.ts'
import type { Target } from './target.ts'

export interface ScraperOptions {
  target: Target
  job: Pick<
    ScrapeJob,
    'honorLabels' | 'honorTimestamps' | 'sampleLimit' | 'bodySizeLimit' | 'auth' | 'tls' | 'proxyUrl'
  >
  /** Runs over every scraped series. */
  metricRelabeller: Relabeller
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
  /** After relabelling, of the last scrape. */
  samples: number
}

interface Kept {
  labels: Labels
  sample: ExpositionSample
}

/** Scrapes one target at its interval, offset by a hash of its address. Rounds never overlap or catch up. */
export class Scraper {
  readonly target: Target
  /** Metadata of the last scrape that went well. */
  metadata: MetricMetadata[] = []
  state: TargetState = { health: 'unknown', lastError: '', lastScrape: 0, lastDurationSeconds: 0, samples: 0 }
  #options: ScraperOptions
  #connection: ScrapeConnection
  /** Series without own times of the last scrape: those that are missing in the next get a stale marker. */
  #last = new Map<string, Labels>()
  #exemplars = new Map<string, string>()
  #timer: NodeJS.Timeout
  #running: Promise<void> | null = null

  constructor(options: ScraperOptions) {
    this.#options = options
    this.target = options.target
    this.#connection = new ScrapeConnection(options.job)
    const { url, intervalMs } = options.target
    const hash = createHash('sha256').update(url).digest().readUInt32LE(0)
    this.#timer = setTimeout(
      () => {
        this.#timer = setInterval(() => this.#tick(), intervalMs)
        this.#tick()
      },
      Math.min(hash % intervalMs, 1000),
    )
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
    const { clock, job } = this.#options
    const time = Math.floor(clock.nowUs() / 1000)
    const begin = clock.monotonicMs()
    let scraped: Scraped | null = null
    let kept: Kept[] = []
    let why = ''
    try {
      scraped = await scrape(this.#connection, this.target.url, {
        timeoutMs: this.target.timeoutMs,
        bodySizeLimit: job.bodySizeLimit,
        auth: job.auth,
      })
      kept = this.#kept(scraped)
    } catch (error) {
      scraped = null
      why = (error as Error).message
    }
    const seconds = (clock.monotonicMs() - begin) / 1000
    this.state = {
      health: scraped ? 'up' : 'down',
      lastError: why,
      lastScrape: time,
      lastDurationSeconds: seconds,
      samples: kept.length,
    }
    await this.#options.take(this.#samples(scraped, kept, time, seconds))
  }

  /** The scraped series under the names that they are stored by. @throws Error when the scrape fails as a whole */
  #kept({ samples }: Scraped): Kept[] {
    const { sampleLimit } = this.#options.job
    const out: Kept[] = []
    for (const sample of samples) {
      const labels = this.#labels(sample.labels)
      if (!labels) continue
      const fault = labelFault(labels)
      if (fault) throw new Error(`a series cannot be stored: ${fault.reason} (${fault.example})`)
      out.push({ labels, sample })
    }
    if (sampleLimit > 0 && out.length > sampleLimit)
      throw new Error(`sample limit exceeded: ${out.length} samples, allowed are ${sampleLimit}`)
    return out
  }

  #samples(scraped: Scraped | null, kept: Kept[], time: number, seconds: number): DecodedSamples {
    const builder = new SampleBatchBuilder()
    const now = new Map<string, Labels>()
    const shown = new Set<string>()
    let added = 0
    for (const { labels, sample } of kept) {
      const series = builder.series(labels)
      const ownTime = this.#options.job.honorTimestamps ? sample.time : null
      builder.float(series, ownTime ?? time, sample.value)
      const key = seriesKey(labels)
      if (sample.exemplar) shown.add(key)
      if (sample.exemplar && this.#isNew(key, sample.exemplar))
        builder.exemplar(series, {
          labels: sortedLabels(sample.exemplar.labels),
          value: sample.exemplar.value,
          time: sample.exemplar.time ?? time,
        })
      if (ownTime !== null) continue
      now.set(key, labels)
      if (!this.#last.has(key)) added++
    }
    for (const [key, labels] of this.#last) if (!now.has(key)) builder.stale(builder.series(labels), time)
    this.#last = now
    for (const key of this.#exemplars.keys()) if (!shown.has(key)) this.#exemplars.delete(key)
    const own: [string, number][] = [
      ['up', scraped ? 1 : 0],
      ['scrape_duration_seconds', seconds],
      ['scrape_samples_scraped', scraped?.samples.length ?? 0],
      ['scrape_samples_post_metric_relabeling', kept.length],
      ['scrape_series_added', added],
    ]
    for (const [name, value] of own) builder.float(builder.series(this.#ownLabels(name)), time, value)
    if (scraped) this.metadata = scraped.metadata
    for (const metadata of scraped?.metadata ?? []) builder.metadata(metadata)
    return decoded(builder)
  }

  /** Whether a series shows another exemplar than in the scrape before; one that stands there still is stored once. */
  #isNew(key: string, exemplar: NonNullable<ExpositionSample['exemplar']>): boolean {
    const text = JSON.stringify(exemplar)
    if (this.#exemplars.get(key) === text) return false
    this.#exemplars.set(key, text)
    return true
  }

  #ownLabels(name: string): Labels {
    return sortedLabels([...Object.entries(this.target.labels), ['__name__', name]])
  }

  /** Labels of the target and of the sample together; null when relabelling drops the series. */
  #labels(scraped: readonly (readonly [string, string])[]): Labels | null {
    const { job, metricRelabeller } = this.#options
    const target = this.target.labels
    const out = new Map<string, string>(Object.entries(target))
    for (const [name, value] of scraped) {
      if (job.honorLabels) {
        // An empty label of the sample takes the target's away.
        if (value === '') out.delete(name)
        else out.set(name, value)
        continue
      }
      if (value === '') continue
      if (!Object.hasOwn(target, name)) out.set(name, value)
      else {
        let renamed = `exported_${name}`
        while (scraped.some(([other]) => other === renamed) || Object.hasOwn(target, renamed))
          renamed = `exported_${renamed}`
        out.set(renamed, value)
      }
    }
    if (!metricRelabeller.idle && !metricRelabeller.apply(out)) return null
    return sortedLabels(out)
  }

  /** Stops; what the target had gets stale markers, so that it ends at once, `up` with it. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#running
    this.#connection.close()
    if (this.state.lastScrape === 0) return
    const time = Math.max(Math.floor(this.#options.clock.nowUs() / 1000), this.state.lastScrape + 1)
    const builder = new SampleBatchBuilder()
    for (const labels of this.#last.values()) builder.stale(builder.series(labels), time)
    for (const name of [
      'up',
      'scrape_duration_seconds',
      'scrape_samples_scraped',
      'scrape_samples_post_metric_relabeling',
      'scrape_series_added',
    ])
      builder.stale(builder.series(this.#ownLabels(name)), time)
    this.#last.clear()
    await this.#options.take(decoded(builder))
  }
}

function decoded(builder: SampleBatchBuilder): DecodedSamples {
  return { batch: builder.finish(), pointOf: null, points: builder.count, rejected: [], warnings: [], services: [] }
}
