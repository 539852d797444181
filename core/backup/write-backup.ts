import { GlassboxError } from '../base/errors.ts'
import type { BackupContentChoice } from '../model/backup.ts'
import type { TelemetryBatch } from '../model/columns.ts'
import type { MetricMetadata, SeriesExemplars, SeriesSamples } from '../model/series.ts'
import { ContentSums } from '../storage/content-sum.ts'
import { scanAll, type TelemetryScanner } from '../storage/scan.ts'
import type { ArchiveSecret } from './archive/archive-key.ts'
import { ArchiveWriter } from './archive/archive-writer.ts'
import type { Sink } from './archive/container-writer.ts'
import type { BackupKind, DayTotal, Manifest } from './archive/manifest.ts'
import type { ConfigTable } from './config-tables.ts'
import { rowsWithin } from './rows-within.ts'

/** What a backup is taken from. */
export interface BackupSource {
  engine: 'sqlite' | 'postgres'
  scanner: TelemetryScanner
  metrics: MetricScanner | null
  /** Tells this store from one that takes its place: marks of another one mean nothing. */
  storeId: string
}

/** Reads all metrics; times are ms, both ends inclusive. */
export interface MetricScanner {
  samples(start: number, end: number): Iterable<SeriesSamples> | AsyncIterable<SeriesSamples>
  metadata(): MetricMetadata[] | Promise<MetricMetadata[]>
  exemplars(): Iterable<SeriesExemplars> | AsyncIterable<SeriesExemplars>
}

/** Where a backup ended; the next incremental one goes on there. */
export interface BackupPosition {
  storeId: string
  /** A mark of the scanner. */
  mark: string
}

export interface BackupRequest {
  kind: BackupKind
  /** The newest archive of the chain that an incremental one adds to. */
  base: Manifest | null
  /** What of the store; absent or null = all. */
  content?: BackupContentChoice | null
  config: ConfigTable[]
  secret: ArchiveSecret | null
  /** Of this Glassbox. */
  product: string
  nowUs: number
  signal: AbortSignal
  progress(done: { rows: number; rawBytes: number; bytes: number }): void
  /** Why something is left out. */
  warnings: string[]
}

/** Samples come at most so late (metrics/metric-head.ts), and so far ahead of the clock: an incremental backup takes them again. */
const METRIC_OVERLAP_MS = 2 * 3_600_000
const METRIC_AHEAD_MS = 600_000
const SAMPLES_A_PART = 65_536
const LINES_A_PART = 10_000

/**
 * Writes one archive of what is stored now; what is written meanwhile is not in it. No write waits for it.
 * @throws GlassboxError `archive_base_missing` when the base was taken from another store; what `sink` and `signal` throw
 */
export async function writeBackup(source: BackupSource, request: BackupRequest, sink: Sink): Promise<Manifest> {
  const { kind, base, signal, content = null } = request
  const before = kind === 'incremental' ? basePosition(source, base) : null
  const mark = kind === 'config' ? null : await source.scanner.scanMark()
  const writer = await ArchiveWriter.begin(sink, request.secret, request.nowUs)
  for (const table of request.config) {
    for (let at = 0; at === 0 || at < table.rows.length; at += LINES_A_PART)
      await writer.lines('config', table.rows.slice(at, at + LINES_A_PART), table.name)
  }
  const sums = new ContentSums()
  const days: DayTotal[] = []
  let rows = 0
  const tell = (): void => request.progress({ rows, rawBytes: writer.rawBytes, bytes: writer.bytes })
  if (mark !== null) {
    for await (const part of scanAll(
      source.scanner,
      { after: before?.mark ?? null, upTo: mark, since: content?.start ?? null },
      signal,
    )) {
      signal.throwIfAborted()
      for (const all of content?.traces === false ? [] : part.spans) {
        const batch = within(all, content)
        sums.add(batch)
        rows += batch.n
        await writer.spans(batch)
      }
      for (const all of content?.logs === false ? [] : part.logs) {
        const batch = within(all, content)
        sums.add(batch)
        rows += batch.n
        await writer.logs(batch)
      }
      tell()
    }
    const start = before && base ? Math.floor(base.createdAt / 1000) - METRIC_OVERLAP_MS : 0
    if (content?.metrics !== false) days.push(...(await writeMetrics(source.metrics, writer, start, request, tell)))
  }
  for (const { signal: of, day, rows: count, sum } of sums.days())
    days.push({ signal: of, day: dayText(day), rows: count, sum })
  // Nothing can be added to a part.
  const position: BackupPosition | null = mark === null || kind === 'part' ? null : { storeId: source.storeId, mark }
  const manifest = await writer.finish({
    kind,
    product: request.product,
    engine: source.engine,
    ...(kind === 'part' && content ? { content } : {}),
    base:
      kind === 'incremental' && base ? { archive: base.archive, digest: base.digest, createdAt: base.createdAt } : null,
    position,
    days,
    warnings: request.warnings,
  })
  tell()
  return manifest
}

const within = <B extends TelemetryBatch>(batch: B, content: BackupContentChoice | null): B =>
  content ? rowsWithin(batch, content) : batch

function basePosition(source: BackupSource, base: Manifest | null): BackupPosition {
  const position = base?.position as BackupPosition | null | undefined
  if (position?.storeId === source.storeId) return position
  throw new GlassboxError(
    'archive_base_missing',
    'the last backup was taken from other stored data than there is now: nothing can be added to it',
    'Take a full backup first.',
  )
}

async function writeMetrics(
  metrics: MetricScanner | null,
  writer: ArchiveWriter,
  start: number,
  { nowUs, signal, content }: BackupRequest,
  tell: () => void,
): Promise<DayTotal[]> {
  if (!metrics) return []
  const byDay = new Map<string, number>()
  let waiting: SeriesSamples[] = []
  let count = 0
  const flush = async (): Promise<void> => {
    if (count > 0) await writer.samples(waiting)
    waiting = []
    count = 0
    tell()
  }
  const from = Math.max(start, Math.ceil((content?.start ?? 0) / 1000))
  const newest = Math.floor(nowUs / 1000) + METRIC_AHEAD_MS
  const to = typeof content?.end === 'number' ? Math.min(newest, Math.ceil(content.end / 1000) - 1) : newest
  for await (const series of metrics.samples(from, to)) {
    signal.throwIfAborted()
    for (const time of series.times) {
      const day = dayText(Math.floor(time / 86_400_000))
      byDay.set(day, (byDay.get(day) ?? 0) + 1)
    }
    for (const piece of pieces(series)) {
      waiting.push(piece)
      count += piece.times.length
      if (count >= SAMPLES_A_PART) await flush()
    }
  }
  await flush()
  await writer.lines('metadata', await metrics.metadata())
  let lines: SeriesExemplars[] = []
  for await (const one of metrics.exemplars()) {
    if (lines.push(one) < LINES_A_PART) continue
    await writer.lines('exemplars', lines)
    lines = []
  }
  await writer.lines('exemplars', lines)
  return [...byDay].sort().map(([day, rows]) => ({ signal: 'metrics', day, rows, sum: '' }))
}

/** Series in lots that fit into a part. */
export function* samplePieces(series: Iterable<SeriesSamples>): Generator<SeriesSamples[]> {
  let lot: SeriesSamples[] = []
  let count = 0
  for (const one of series)
    for (const piece of pieces(one)) {
      lot.push(piece)
      count += piece.times.length
      if (count < SAMPLES_A_PART) continue
      yield lot
      lot = []
      count = 0
    }
  if (count > 0) yield lot
}

/** A series in pieces that fit into a part. */
function* pieces(series: SeriesSamples): Generator<SeriesSamples> {
  for (let at = 0; at < series.times.length; at += SAMPLES_A_PART) {
    const end = at + SAMPLES_A_PART
    yield {
      labels: series.labels,
      times: series.times.subarray(at, end),
      values: series.values.subarray(at, end),
      kinds: series.kinds?.subarray(at, end) ?? null,
      histograms: series.histograms?.slice(at, end) ?? null,
    }
  }
}

/** `2026-11-30` of a day since 1970; of days that no calendar has, their number. */
export function dayText(day: number): string {
  const time = day * 86_400_000
  return Math.abs(time) <= 8.64e15 ? new Date(time).toISOString().slice(0, -14) : String(day)
}
