import { createWriteStream, type WriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { finished } from 'node:stream/promises'
import type { ArchiveSecret } from '../backup/archive/archive-key.ts'
import { ArchiveWriter } from '../backup/archive/archive-writer.ts'
import type { DayTotal } from '../backup/archive/manifest.ts'
import { dayText, samplePieces } from '../backup/write-backup.ts'
import type { BundleAbout } from '../model/bundle.ts'
import type { TelemetryBatch } from '../model/columns.ts'
import type { LogRecord, Trace } from '../model/records.ts'
import type { MetricMetadata, SeriesExemplars, SeriesSamples } from '../model/series.ts'
import { createRedactor, type Redactor, redactBatch } from '../pipeline/redaction.ts'
import { ContentSums } from '../storage/content-sum.ts'
import { logRows, spanRows } from './record-rows.ts'
import { SeriesRedactor } from './redact-series.ts'

/** Where a bundle goes and by which rules. */
export interface BundleOrder {
  file: string
  privacy: { removeKeys: string[]; maskKeys: string[]; maxValueBytes: number }
  secret: ArchiveSecret | null
  product: string
  engine: string
  /** Wall clock, µs. */
  nowUs: number
}

const SAMPLES_AT_ONCE = 65_536

type Told = Omit<BundleAbout, 'start' | 'end' | 'spans' | 'logs' | 'samples' | 'removed' | 'masked'>

/** Writes a bundle row by row, everything redacted on its way in: nothing reaches the file that was not looked at. */
export class BundleWriter {
  readonly #order: BundleOrder
  readonly #out: WriteStream
  readonly #archive: ArchiveWriter
  readonly #redactor: Redactor
  readonly #series: SeriesRedactor
  readonly #sums = new ContentSums()
  readonly #sampleDays = new Map<string, number>()
  #ends: [number, number] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  #counts = { spans: 0, logs: 0, samples: 0 }
  /** Metrics of few samples share a part. */
  #waiting: { series: SeriesSamples[]; count: number } = { series: [], count: 0 }

  private constructor(order: BundleOrder, out: WriteStream, archive: ArchiveWriter) {
    this.#order = order
    this.#out = out
    this.#archive = archive
    this.#redactor = createRedactor(order.privacy)
    this.#series = new SeriesRedactor(this.#redactor)
  }

  static async begin(order: BundleOrder): Promise<BundleWriter> {
    const out = createWriteStream(order.file, { mode: 0o600, flags: 'w', flush: true })
    let failed: Error | null = null
    out.on('error', (error) => {
      failed = error
    })
    const sink = (bytes: Uint8Array): Promise<void> =>
      new Promise((resolve, reject) => {
        if (failed) reject(failed)
        else out.write(bytes, (error) => (error ? reject(error) : resolve()))
      })
    return new BundleWriter(order, out, await ArchiveWriter.begin(sink, order.secret, order.nowUs, 'bundle'))
  }

  #reach(us: number): void {
    if (us < this.#ends[0]) this.#ends[0] = us
    if (us > this.#ends[1]) this.#ends[1] = us
  }

  #redacted<B extends TelemetryBatch>(batch: B, times: Float64Array): B {
    for (const time of times) this.#reach(time)
    const clean = redactBatch(batch, this.#redactor)
    this.#sums.add(clean)
    return clean
  }

  async trace(trace: Trace): Promise<void> {
    const rows = spanRows(trace, this.#order.nowUs)
    this.#counts.spans += rows.n
    for (let row = 0; row < rows.n; row++) this.#reach(rows.startUs[row] + rows.durUs[row])
    await this.#archive.spans(this.#redacted(rows, rows.startUs))
    await this.logs(trace.logs)
  }

  async logs(records: readonly LogRecord[]): Promise<void> {
    if (records.length === 0) return
    const rows = logRows(records, this.#order.nowUs)
    this.#counts.logs += rows.n
    await this.#archive.logs(this.#redacted(rows, rows.timeUs))
  }

  /** Samples of one time and metric; their labels are redacted. */
  async samples(series: readonly SeriesSamples[]): Promise<void> {
    for (const one of series) {
      for (const time of one.times) {
        this.#reach(time * 1000)
        const day = dayText(Math.floor(time / 86_400_000))
        this.#sampleDays.set(day, (this.#sampleDays.get(day) ?? 0) + 1)
      }
      this.#counts.samples += one.times.length
      this.#waiting.count += one.times.length
      this.#waiting.series.push(this.#series.series(one))
    }
    if (this.#waiting.count >= SAMPLES_AT_ONCE) await this.#flushSamples()
  }

  async #flushSamples(): Promise<void> {
    const { series } = this.#waiting
    this.#waiting = { series: [], count: 0 }
    for (const part of samplePieces(series)) await this.#archive.samples(part)
  }

  async extras(metadata: readonly MetricMetadata[], exemplars: readonly SeriesExemplars[]): Promise<void> {
    await this.#archive.lines(
      'metadata',
      metadata.map((one) => this.#series.metadata(one)),
    )
    await this.#archive.lines(
      'exemplars',
      exemplars.map((one) => this.#series.exemplars(one)),
    )
  }

  /** Ends the file. What is told of it is redacted, too. */
  async finish(told: Told): Promise<BundleAbout> {
    await this.#flushSamples()
    const clean = (text: string): string => this.#series.text(text)
    const about: BundleAbout = {
      ...told,
      title: clean(told.title),
      note: clean(told.note),
      traces: told.traces.map((one) => ({ ...one, name: clean(one.name) })),
      notes: told.notes.map((one) => ({ ...one, text: clean(one.text) })),
      ...this.#counts,
      start: Number.isFinite(this.#ends[0]) ? this.#ends[0] : this.#order.nowUs,
      end: Number.isFinite(this.#ends[1]) ? this.#ends[1] : this.#order.nowUs,
      removed: ['authorization', 'proxy-authorization', 'cookie', 'set-cookie', ...this.#order.privacy.removeKeys],
      masked: this.#order.privacy.maskKeys,
    }
    const days: DayTotal[] = this.#sums
      .days()
      .map(({ signal, day, rows, sum }) => ({ signal, day: dayText(day), rows, sum }))
    for (const [day, rows] of [...this.#sampleDays].sort()) days.push({ signal: 'metrics', day, rows, sum: '' })
    await this.#archive.finish({
      kind: 'bundle',
      product: this.#order.product,
      engine: this.#order.engine,
      base: null,
      position: null,
      days,
      warnings: told.warnings,
      about,
    })
    this.#out.end()
    await finished(this.#out)
    return about
  }

  /** Takes the file away again. */
  async abort(): Promise<void> {
    this.#out.destroy()
    await rm(this.#order.file, { force: true })
  }
}
