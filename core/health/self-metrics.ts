import type { Ledger } from '../pipeline/ledger.ts'
import type { MetricStats, StorageStats } from '../storage/store.ts'

/** What the self-metrics are made of. */
export interface SelfMetricsInput {
  version: string
  ledger: Ledger
  sampleRate: number
  breaker: 'closed' | 'open' | 'half-open'
  storage: StorageStats
  metrics: Pick<MetricStats, 'series' | 'headSamples' | 'refusedSeries' | 'limits'> | null
  cpuSeconds: number
  rssBytes: number
  heapBytes: number
  /** p99 of the main thread, seconds. */
  eventLoopDelay: number
  /** Wall clock of the start, µs. */
  startedUs: number
}

type Sample = [labels: Record<string, string>, value: number]

/** Prometheus text (format 0.0.4) of Glassbox's own state, for `GET /metrics`. */
export function selfMetricsText(input: SelfMetricsInput): string {
  const signals = Object.entries(input.ledger)
  const bySignal = (pick: (ledger: Ledger['traces']) => number): Sample[] =>
    signals.map(([signal, ledger]) => [{ signal }, pick(ledger)])
  const byReason = (pick: (ledger: Ledger['traces']) => Record<string, number>): Sample[] =>
    signals.flatMap(([signal, ledger]) =>
      Object.entries(pick(ledger)).map(([reason, rows]): Sample => [{ signal, reason }, rows]),
    )
  const { storage, metrics } = input
  return [
    family('glassbox_build_info', 'gauge', 'The running version.', [[{ version: input.version }, 1]]),
    family(
      'glassbox_received_total',
      'counter',
      'Spans and records received.',
      bySignal((l) => l.received),
    ),
    family(
      'glassbox_stored_total',
      'counter',
      'Spans and records stored.',
      bySignal((l) => l.stored),
    ),
    family(
      'glassbox_rejected_total',
      'counter',
      'Refused for their own content.',
      byReason((l) => l.rejected),
    ),
    family(
      'glassbox_dropped_total',
      'counter',
      'Taken but not kept.',
      byReason((l) => l.dropped),
    ),
    family(
      'glassbox_sampled_out_total',
      'counter',
      'Left out by sampling.',
      bySignal((l) => l.sampledOut),
    ),
    family(
      'glassbox_waiting',
      'gauge',
      'Waiting to be written.',
      bySignal((l) => l.waiting),
    ),
    family(
      'glassbox_lost',
      'gauge',
      'Lost in the last crash.',
      bySignal((l) => l.lost),
    ),
    family('glassbox_sample_rate', 'gauge', 'One in how many normal traces is kept.', [[{}, input.sampleRate]]),
    family('glassbox_breaker_open', 'gauge', '1 while storage is not called.', [
      [{}, input.breaker === 'closed' ? 0 : 1],
    ]),
    family('glassbox_storage_bytes', 'gauge', 'Telemetry on disk, WAL included.', [[{}, storage.fileBytes]]),
    family('glassbox_storage_wal_bytes', 'gauge', 'Write-ahead log on disk.', [[{}, storage.walBytes]]),
    family('glassbox_storage_free_bytes', 'gauge', 'Free on the disk that holds it.', [[{}, storage.freeBytes]]),
    family('glassbox_storage_rows', 'gauge', 'Rows stored now.', [
      [{ signal: 'traces' }, storage.spans],
      [{ signal: 'logs' }, storage.logs],
    ]),
    ...(metrics ? seriesFamilies(metrics) : []),
    family('glassbox_storage_writable', 'gauge', '0 in the disk-full and read-only modes.', [
      [{ mode: storage.mode }, storage.mode === 'normal' ? 1 : 0],
    ]),
    family('glassbox_storage_damaged_blocks', 'gauge', 'Stored blocks whose checksums do not hold.', [
      [{}, storage.damaged?.blocks ?? 0],
    ]),
    family('glassbox_event_loop_delay_seconds', 'gauge', 'p99 since the last scrape.', [[{}, input.eventLoopDelay]]),
    family('process_cpu_seconds_total', 'counter', 'CPU time of all threads.', [[{}, input.cpuSeconds]]),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', [[{}, input.rssBytes]]),
    family('process_heap_bytes', 'gauge', 'JavaScript heap of the main thread.', [[{}, input.heapBytes]]),
    family('process_start_time_seconds', 'gauge', 'Start, unix seconds.', [[{}, input.startedUs / 1e6]]),
  ].join('')
}

function seriesFamilies(metrics: NonNullable<SelfMetricsInput['metrics']>): string[] {
  return [
    family('glassbox_series', 'gauge', 'Series known now.', [[{}, metrics.series]]),
    family('glassbox_series_limit', 'gauge', 'Series that are taken at most.', [[{}, metrics.limits.maxSeries]]),
    family('glassbox_head_samples', 'gauge', 'Samples in memory that are not in a block yet.', [
      [{}, metrics.headSamples],
    ]),
    family(
      'glassbox_series_refused_samples_total',
      'counter',
      'Samples of series beyond the limit, by metric.',
      metrics.refusedSeries.map(({ metric, samples }): Sample => [{ metric }, samples]),
    ),
  ]
}

function family(name: string, type: 'counter' | 'gauge', help: string, samples: Sample[]): string {
  const lines = samples.map(
    ([labels, value]) => `${name}${labelText(labels)} ${Number.isFinite(value) ? value : 'NaN'}\n`,
  )
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function labelText(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${value.replace(/[\\"\n]/g, escapeChar)}"`)
  return pairs.length > 0 ? `{${pairs.join(',')}}` : ''
}

function escapeChar(char: string): string {
  return char === '\n' ? '\\n' : `\\${char}`
}
