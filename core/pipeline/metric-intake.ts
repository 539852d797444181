import { GlassboxError } from '../base/errors.ts'
import type { PackedDecoded, PackedSamples } from '../model/packed-samples.ts'
import { SampleKind } from '../model/series.ts'
import type { MetricWriteResult } from '../storage/metric-store.ts'
import { emptyOutcome, type IngestOutcome } from './ingest.ts'
import type { SignalLedger } from './ledger.ts'

/** Samples on their way to the writer; more are refused until it has answered. */
const MOST_WAITING = 1_000_000

/**
 * From decoded samples to written ones. Unlike spans they are answered once the writer has them in its memory, so that
 * the sender learns what was out of order; the ledger counts the sender's points.
 */
export class MetricIntake {
  #write: (samples: PackedSamples) => Promise<MetricWriteResult>
  #ledger: () => SignalLedger
  #onChange: (unlogged: number) => void
  #pending: () => Promise<number>
  #waiting = 0
  /** Samples that the writer has in memory alone, as far as known. */
  #unlogged = 0
  #asking: NodeJS.Timeout | null = null

  constructor(options: {
    write: (samples: PackedSamples) => Promise<MetricWriteResult>
    ledger: () => SignalLedger
    /** @param unlogged samples that a crash would still take with it */
    onChange: (unlogged: number) => void
    /** How many samples the writer has in memory alone. */
    pending: () => Promise<number>
  }) {
    this.#write = options.write
    this.#ledger = options.ledger
    this.#onChange = options.onChange
    this.#pending = options.pending
  }

  async take(decoded: PackedDecoded): Promise<IngestOutcome> {
    const { packed, points } = decoded
    const samples = packed.times.length
    if (this.#waiting > 0 && this.#waiting + samples > MOST_WAITING)
      return { ...emptyOutcome(), refused: true, message: 'storage is behind with metrics, send it again later' }
    const rejected = decoded.rejected.reduce((total, one) => total + one.count, 0)
    const ledger = this.#ledger()
    // The columns are handed over with the write.
    const kinds = packed.kinds.slice()
    const exemplars = packed.exemplars.length
    this.#waiting += samples
    ledger.waiting += points
    this.#onChange(this.#unlogged)
    let result: MetricWriteResult
    try {
      const nothing = samples === 0 && packed.metadata.length === 0
      result = nothing ? { stored: 0, duplicates: 0, rejected: [], fates: null } : await this.#write(packed)
    } catch (error) {
      if (error instanceof GlassboxError && error.status === 503)
        return { ...emptyOutcome(), refused: true, message: error.message }
      throw error
    } finally {
      this.#waiting -= samples
      ledger.waiting -= points
      this.#onChange(this.#unlogged)
    }
    this.#unlogged += result.stored
    this.#askLater()
    ledger.received += points + rejected
    for (const { reason, count } of decoded.rejected) add(ledger.rejected, reasonOf(reason), count)
    const fates = pointFates(result, decoded.pointOf, points)
    ledger.stored += fates.stored
    if (fates.duplicates > 0) add(ledger.dropped, 'duplicate', fates.duplicates)
    let refusedByWriter = 0
    for (const [reason, count] of fates.rejected) {
      add(ledger.rejected, reason, count)
      refusedByWriter += count
    }
    this.#onChange(this.#unlogged)
    const sentences = [
      ...decoded.rejected,
      ...result.rejected.map((one) => ({ ...one, count: fates.rejected.get(one.reason) ?? 0 })),
    ]
      .filter(({ count }) => count > 0)
      .map(({ reason, count, example }) => `${count} rejected: ${reason} (${example})`)
    return {
      received: points + rejected,
      accepted: fates.stored + fates.duplicates,
      rejected: rejected + refusedByWriter,
      dropped: 0,
      sampledOut: 0,
      message: [...sentences, ...decoded.warnings].join('; '),
      services: decoded.services,
      refused: false,
      written: writtenOf(result, kinds, exemplars),
    }
  }

  /** Asks the writer until it has logged all; one question at a time. */
  #askLater(): void {
    this.#asking ??= setTimeout(() => {
      this.#pending()
        .then(
          (count) => {
            this.#unlogged = count
            this.#onChange(count)
          },
          // A writer that does not answer now is asked again: nothing is known to be safe until then.
          () => undefined,
        )
        .finally(() => {
          this.#asking = null
          if (this.#unlogged > 0) this.#askLater()
        })
    }, LOGGED_MS)
    this.#asking.unref()
  }

  stop(): void {
    if (this.#asking) clearTimeout(this.#asking)
  }
}

/** The writer logs what it has within 250 ms. */
const LOGGED_MS = 300

function reasonOf(reason: string): string {
  return reason.split(':', 1)[0]
}

function add(reasons: Record<string, number>, reason: string, count: number): void {
  reasons[reason] = (reasons[reason] ?? 0) + count
}

/** A point is rejected when any of its samples is, a duplicate when all are. */
function pointFates(result: MetricWriteResult, pointOf: Uint32Array | null, points: number) {
  const rejected = new Map<string, number>()
  if (result.fates === null) return { stored: points, duplicates: 0, rejected }
  const fate = new Uint16Array(points).fill(1)
  const seen = new Uint8Array(points)
  result.fates.forEach((one, sample) => {
    const point = pointOf ? pointOf[sample] : sample
    if (point >= points) return
    seen[point] = 1
    if (fate[point] >= 2) return
    if (one !== 1) fate[point] = one
  })
  let stored = 0
  let duplicates = 0
  for (let point = 0; point < points; point++) {
    if (fate[point] >= 2) {
      const { reason } = result.rejected[fate[point] - 2]
      rejected.set(reason, (rejected.get(reason) ?? 0) + 1)
    } else if (fate[point] === 1 && seen[point]) duplicates++
    else stored++
  }
  return { stored, duplicates, rejected }
}

function writtenOf(result: MetricWriteResult, kinds: Uint8Array, exemplars: number) {
  let samples = 0
  let histograms = 0
  for (let i = 0; i < kinds.length; i++) {
    if (result.fates && result.fates[i] >= 2) continue
    if (kinds[i] === SampleKind.histogram) histograms++
    else samples++
  }
  return { samples, histograms, exemplars }
}
