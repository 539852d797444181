import type { Exemplar, MetricMetadata } from '../model/series.ts'
import type { DaySum } from './content-sum.ts'
import type { QueryContext } from './query-context.ts'
import type { Part, ReadSamples } from './sqlite/metrics/sample-block.ts'

/**
 * Metrics on their way from one engine to the other, as they lie: raw samples and 5-minute aggregates, merged by series.
 * They come in steps, each of which has a name under the move's: what came after a mark is read whole, and read again
 * where a sample has only changed its place. Who has a sample already stores it once.
 */
export interface MetricMoves {
  /** Puts all samples that came so far into blocks; the place after them, opaque. */
  mark(): Promise<string>
  /** The next series. @throws GlassboxError `query_cancelled`, `query_timeout` */
  scan(request: MetricScanRequest, context?: QueryContext): Promise<MetricScanPart>
  /** Metadata of all metrics, and all exemplars. */
  scanExtras(context?: QueryContext): Promise<MetricExtras>
  /** Stores what a scan brought, past what is refused for age or order, in one transaction that notes the step. */
  write(samples: MovedSamples[], step: MetricStep): Promise<void>
  writeExtras(extras: MetricExtras): Promise<void>
  /** Ends a move: what its steps brought stays or, with `undo`, goes. */
  end(move: string, undo: boolean): Promise<void>
}

/** Names one step of a move. */
export interface MetricStep {
  move: string
  step: number
}

export interface MetricScanRequest {
  /** The cursor of the part before; null = from the first series. */
  after: string | null
  /** A mark: only what was put into blocks after it; null = everything. */
  from: string | null
  /** Only what this step brought; null = everything. */
  brought: MetricStep | null
  /** Leaves out what is older, ms; null = nothing. */
  since: number | null
  /** Leaves `samples` empty: counts and sums are all that is asked. */
  sumsOnly: boolean
}

export interface MetricScanPart {
  /** About 50,000 samples. */
  samples: MovedSamples[]
  sums: DaySum[]
  cursor: string
  done: boolean
}

/** Samples of one series and UTC day. */
export interface MovedSamples extends ReadSamples {
  /** Names and values of the labels, parted by U+0000. */
  key: string
  /** 1: `part` is one of the 5-minute aggregates. */
  kind: 0 | 1
  part: Part
  /** When the newest of them was stored, ms. */
  received: number
}

export interface MetricExtras {
  metadata: MetricMetadata[]
  exemplars: { key: string; exemplar: Exemplar }[]
}

/** Samples that one call of `scan` looks for; whole series make it more. */
export const METRIC_SCAN_SAMPLES = 50_000
