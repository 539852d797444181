import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NativeHistogram } from '../../../core/model/native-histogram.ts'
import { packSamples } from '../../../core/model/packed-samples.ts'
import { unpackSeries } from '../../../core/model/packed-series.ts'
import type { Labels, Matcher, SampleBatch } from '../../../core/model/series.ts'
import type { MetricWriteResult, SelectResult } from '../../../core/storage/metric-store.ts'
import { readSamples } from '../../../core/storage/sqlite/metrics/read-samples.ts'
import { QueryGuard } from '../../../core/storage/sqlite/read/query-guard.ts'
import { openReadConnection } from '../../../core/storage/sqlite/read/read-methods.ts'
import { Writer } from '../../../core/storage/sqlite/writer.ts'

export interface OneSample {
  labels: Labels
  time: number
  value: number
  kind?: number
  histogram?: NativeHistogram
}

/** A batch of single samples, one series entry a sample. */
export function batchOf(samples: OneSample[]): SampleBatch {
  const histograms = new Map<number, NativeHistogram>()
  samples.forEach(({ histogram }, i) => {
    if (histogram) histograms.set(i, histogram)
  })
  return {
    series: samples.map(({ labels }) => labels),
    seriesOf: Uint32Array.from(samples, (_, i) => i),
    times: Float64Array.from(samples, ({ time }) => time),
    values: Float64Array.from(samples, ({ value }) => value),
    kinds: Uint8Array.from(samples, ({ kind }) => kind ?? 0),
    histograms,
    exemplars: [],
    metadata: [],
  }
}

/** The metrics of the SQLite engine, writing and reading half in one thread, with a clock that tests turn. */
export class TestMetrics {
  readonly dataDir = mkdtempSync(join(tmpdir(), 'glassbox-metrics-'))
  #nowMs: number
  writer: Writer

  constructor(nowMs: number) {
    this.#nowMs = nowMs
    this.writer = this.#open()
  }

  #open(): Writer {
    const nowUs = (): number => this.#nowMs * 1000
    const clock = {
      nowUs,
      monotonicMs: () => this.#nowMs,
      witness: () => ({ wallUs: nowUs(), uptimeMs: this.#nowMs, boot: 'test' }),
    }
    return new Writer({ dataDir: this.dataDir, reserveBytes: 1000 }, clock, () => undefined)
  }

  pass(ms: number): void {
    this.#nowMs += ms
  }

  write(samples: OneSample[]): MetricWriteResult {
    return this.writer.metrics.write(packSamples(batchOf(samples)).packed)
  }

  select(matchers: Matcher[], start: number, end: number, func: string | null = null): SelectResult {
    const head = this.writer.metrics.memory.select({ matchers, start, end, maxSeries: 1000 })
    const db = openReadConnection(this.dataDir)
    try {
      const guard = new QueryGuard(new Int32Array(new SharedArrayBuffer(4)))
      const { series, ...told } = readSamples(db, guard, { head, start, end, func, maxSamples: 10_000_000 })
      return { series: unpackSeries(series), ...told }
    } finally {
      db.close()
    }
  }

  /** A stop as a crash leaves it: nothing is flushed or closed in order. */
  crash(meanwhile: () => void = () => undefined): void {
    this.writer.metrics.stop()
    meanwhile()
    this.writer = this.#open()
  }

  close(): void {
    this.writer.stop()
    rmSync(this.dataDir, { recursive: true, force: true })
  }
}
