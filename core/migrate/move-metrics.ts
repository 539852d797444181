import { GlassboxError } from '../base/errors.ts'
import { type DaySum, differingDays, mergeDaySums } from '../storage/content-sum.ts'
import type { MetricScanRequest } from '../storage/metric-move.ts'
import { describeDay, type Move, patiently } from './move-telemetry.ts'

/** So few samples are copied within the time that writes may wait for the switch. */
const SMALL_STEP = 200_000
const MOST_STEPS = 10

/**
 * Moves metrics: everything, then what came meanwhile, each step verified by count and sum of every day before the next.
 * A move that goes on after a restart begins anew with them: what an earlier run brought goes first.
 */
export class MetricMover {
  readonly #move: Move
  #step = 0
  #from: string | null = null
  /** Of all steps; a sample that only changed its place in the source is counted again. */
  verified: DaySum[] = []

  constructor(move: Move) {
    this.#move = move
  }

  /** Copies until little is left to come. @throws GlassboxError `move_differs`, what the engines throw */
  async catchUp(): Promise<void> {
    const { target, name } = this.#move
    await patiently(this.#move, () => target.metricMoves.end(name, true))
    for (let steps = 0; steps < MOST_STEPS && (await this.#next()) > SMALL_STEP; steps++) {
      // The next one is what came meanwhile.
    }
  }

  /** The last step, while nothing is written, with metadata and exemplars. */
  async finish(): Promise<void> {
    await this.#next()
    const { source, target, signal } = this.#move
    await target.metricMoves.writeExtras(await source.metricMoves.scanExtras({ signal }))
  }

  /** @returns samples copied */
  async #next(): Promise<number> {
    const move = this.#move
    const { source, target, name, signal, log } = move
    const since = this.#move.since === null ? null : Math.floor(this.#move.since / 1000)
    const place = { move: name, step: ++this.#step }
    const mark = await patiently(move, () => source.metricMoves.mark())
    const wanted = { from: this.#from, brought: null, since, sumsOnly: false }
    let sums: DaySum[] = []
    let copied = 0
    for (let after: string | null = null; ; ) {
      signal.throwIfAborted()
      const part = await patiently(move, () => source.metricMoves.scan({ ...wanted, after }, { signal }))
      // Written again where the answer was lost: who has a sample already stores it once.
      if (part.samples.length > 0) await patiently(move, () => target.metricMoves.write(part.samples, place))
      sums = mergeDaySums(sums, part.sums)
      copied = rowsOf(sums)
      move.progress('metrics', copied, null)
      if (part.done) break
      after = part.cursor
    }
    const there = await this.#sums({ from: null, brought: place, since: null, sumsOnly: true })
    const left = differingDays(sums, there)
    if (left.length > 0) {
      const named = left.slice(0, 5).map((one) => describeDay(one.signal, one.day, sums, there))
      throw new GlassboxError('move_differs', `${left.length} days differ after copying: ${named.join('; ')}`)
    }
    if (this.#step === 1 && copied > 0)
      log(`Copied ${copied} metric samples and found counts and sums of ${there.length} days equal.`)
    this.verified = mergeDaySums(this.verified, there)
    this.#from = mark
    return copied
  }

  async #sums(wanted: Omit<MetricScanRequest, 'after'>): Promise<DaySum[]> {
    const move = this.#move
    const { target, signal } = move
    let sums: DaySum[] = []
    for (let after: string | null = null; ; ) {
      signal.throwIfAborted()
      const part = await patiently(move, () => target.metricMoves.scan({ ...wanted, after }, { signal }))
      sums = mergeDaySums(sums, part.sums)
      move.progress('verify-metrics', rowsOf(sums), null)
      if (part.done) return sums
      after = part.cursor
    }
  }
}

function rowsOf(sums: DaySum[]): number {
  return sums.reduce((sum, { rows }) => sum + rows, 0)
}
