import { GlassboxError } from '../base/errors.ts'
import { release } from '../base/release.ts'
import type { LogBatch, SpanBatch, TelemetryBatch } from '../model/columns.ts'
import type { Exemplar, Labels, MetricMetadata, SampleBatch } from '../model/series.ts'
import type { MetricWriteResult } from '../storage/metric-store.ts'
import type { ArchiveReader } from './archive/archive-reader.ts'
import { decodePart } from './archive/decode-part.ts'
import type { PartEntry } from './archive/manifest.ts'
import { rowsWithin } from './rows-within.ts'

/** What of an archive is wanted. Times are µs, start inclusive, end exclusive. */
export interface Selection {
  telemetry: boolean
  config: boolean
  start: number | null
  end: number | null
  service: string | null
}

export const everything: Selection = { telemetry: true, config: true, start: null, end: null, service: null }

/** Where restored rows go. */
export interface RestoreTarget {
  /** Stores all or nothing, and how far the restore got with it. */
  write(batches: { spans: SpanBatch[]; logs: LogBatch[] }, cursor: string): Promise<void>
  writeSamples(batch: SampleBatch): Promise<MetricWriteResult>
}

export interface RestoreCounts {
  spans: number
  logs: number
  samples: number
  /** Samples that were not taken, by reason. */
  rejectedSamples: Record<string, number>
}

export interface RestoreOptions {
  selection: Selection
  /** The cursor that the target kept when this restore was interrupted; null = from the beginning. */
  after: string | null
  /** Leaves out rows that are there already. */
  fresh?<B extends TelemetryBatch>(batch: B): B
  signal: AbortSignal
  progress(done: { rows: number; bytes: number }): void
}

/** Whether anything of a part can be wanted. */
export function wantsPart(
  { kind, first, last, services }: PartEntry,
  { telemetry, start, end, service }: Selection,
): boolean {
  if (kind === 'config' || !telemetry) return false
  if (first !== null && end !== null && first >= end) return false
  if (last !== null && start !== null && last < start) return false
  if (service !== null && kind === 'samples') return true
  return service === null || services === null || services.includes(service)
}

/**
 * Writes the rows of a chain of archives, oldest first, to the target. Every part is checked before it is written.
 * @throws GlassboxError `archive_damaged`; what the target and `signal` throw
 */
export async function restoreTelemetry(
  chain: readonly ArchiveReader[],
  target: RestoreTarget,
  options: RestoreOptions,
): Promise<RestoreCounts> {
  const { selection, signal, after } = options
  const counts: RestoreCounts = { spans: 0, logs: 0, samples: 0, rejectedSamples: {} }
  let bytes = 0
  let place = 0
  const done = after === null ? -1 : Number(after)
  for (const reader of chain) {
    for (const entry of reader.manifest.parts) {
      const number = place++
      bytes += entry.stored
      // Samples are the same when they are written again; of rows the target knows how far it got.
      if (!wantsPart(entry, selection) || (number <= done && (entry.kind === 'spans' || entry.kind === 'logs')))
        continue
      signal.throwIfAborted()
      const body = await reader.part(entry)
      const part = decodePart(entry, body)
      release(body)
      if (part.kind === 'spans' || part.kind === 'logs') {
        // Age is counted from now on, or retention would take at once what was just brought back.
        part.batch.receivedUs = Date.now() * 1000
        const wanted = rowsWithin<TelemetryBatch>(part.batch, selection)
        const rows = options.fresh ? options.fresh(wanted) : wanted
        if (rows.n > 0) {
          const batches =
            rows.signal === 'traces'
              ? { spans: [rows as SpanBatch], logs: [] }
              : { spans: [], logs: [rows as LogBatch] }
          counts[rows.signal === 'traces' ? 'spans' : 'logs'] += rows.n
          await target.write(batches, String(number))
        }
      } else if (part.kind === 'samples')
        count(counts, await target.writeSamples(wantedSamples(part.batch, selection)), reader.manifest.base !== null)
      else if (part.kind !== 'config') await target.writeSamples(extras(part.kind, part.rows))
      options.progress({ rows: counts.spans + counts.logs + counts.samples, bytes })
    }
  }
  return counts
}

/** Names of labels that say which service a series is of. */
const SERVICE_LABELS = new Set(['service_name', 'service', 'job'])

/** Whether a series is one of a service's. */
export function isOfService(labels: Labels, service: string): boolean {
  return labels.some(([name, value]) => SERVICE_LABELS.has(name) && value === service)
}

function wantedSamples(batch: SampleBatch, { start, end, service }: Selection): SampleBatch {
  if (start === null && end === null && service === null) return batch
  const ofService = batch.series.map((labels) => service === null || isOfService(labels, service))
  const kept: number[] = []
  batch.times.forEach((time, i) => {
    const us = time * 1000
    if ((start === null || us >= start) && (end === null || us < end) && ofService[batch.seriesOf[i]]) kept.push(i)
  })
  const histograms: SampleBatch['histograms'] = new Map()
  kept.forEach((from, to) => {
    const histogram = batch.histograms.get(from)
    if (histogram) histograms.set(to, histogram)
  })
  return {
    ...batch,
    seriesOf: Uint32Array.from(kept, (i) => batch.seriesOf[i]),
    times: Float64Array.from(kept, (i) => batch.times[i]),
    values: Float64Array.from(kept, (i) => batch.values[i]),
    kinds: Uint8Array.from(kept, (i) => batch.kinds[i]),
    histograms,
  }
}

/**
 * @param again whether the archive repeats samples of the one before: what comes too late for the store then is there already
 */
function count(counts: RestoreCounts, { stored, duplicates, rejected }: MetricWriteResult, again: boolean): void {
  counts.samples += stored + duplicates
  for (const one of rejected) {
    if (again && one.reason === 'out_of_order') counts.samples += one.count
    else counts.rejectedSamples[one.reason] = (counts.rejectedSamples[one.reason] ?? 0) + one.count
  }
}

/** Metadata or exemplars as a batch without samples. */
function extras(kind: 'metadata' | 'exemplars', rows: unknown[]): SampleBatch {
  const batch: SampleBatch = {
    series: [],
    seriesOf: new Uint32Array(0),
    times: new Float64Array(0),
    values: new Float64Array(0),
    kinds: new Uint8Array(0),
    histograms: new Map(),
    exemplars: [],
    metadata: [],
  }
  try {
    for (const row of rows as Record<string, unknown>[]) {
      if (kind === 'metadata') {
        const { metric, type, unit, help } = row as unknown as MetricMetadata
        batch.metadata.push({ metric: String(metric), type, unit: String(unit), help: String(help) })
        continue
      }
      const { series, exemplars } = row as unknown as { series: Labels; exemplars: Exemplar[] }
      const seriesOf = batch.series.push(series.map(([name, value]) => [String(name), String(value)] as const)) - 1
      for (const { labels, value, time } of exemplars)
        batch.exemplars.push({
          seriesOf,
          exemplar: {
            labels: labels.map(([n, v]) => [String(n), String(v)] as const),
            value: Number(value),
            time: Number(time),
          },
        })
    }
  } catch (error) {
    throw new GlassboxError('archive_damaged', `a part of ${kind} cannot be read: ${(error as Error).message}`)
  }
  return batch
}
