import { GlassboxError } from '../base/errors.ts'
import type { SettingsService } from '../config/config-store.ts'
import { hidePassword } from '../config/secret-box.ts'
import type { JobKind, RunningJob } from '../jobs/job-kind.ts'
import { stopReason } from '../jobs/job-kind.ts'
import { type DaySum, mergeDaySums } from '../storage/content-sum.ts'
import type { Engines } from '../storage/open-store.ts'
import type { TelemetryStore } from '../storage/store.ts'
import type { StoreSwitch } from '../storage/store-switch.ts'
import { MetricMover } from './move-metrics.ts'
import { copyUpTo, type Move, verifyMove } from './move-telemetry.ts'

export type Engine = 'sqlite' | 'postgres'

/** What a switch is asked to do; the address with its password is the job's secret. */
export interface SwitchInput {
  from: Engine
  to: Engine
  /** Address of the Postgres concerned, without its password. */
  address: string
  /** `settings` leaves telemetry behind; `since` (µs) moves what is not older. */
  move: 'settings' | 'all' | { since: number }
  /** What becomes of telemetry that the target holds already. */
  existing: 'refuse' | 'keep' | 'delete'
}

/** What came of a switch. */
export interface SwitchResult {
  engine: Engine
  spans: number
  logs: number
  /** Metric samples, 5-minute aggregates too. */
  samples: number
  /** Signal-days whose count and sum were found equal. */
  days: number
  seconds: number
  /** The engine that keeps its telemetry until someone deletes it. */
  kept: Engine
}

/** Parts of the host that a switch works on. */
export interface SwitchParts {
  engines: Pick<Engines, 'open' | 'close'>
  store: StoreSwitch
  settings: Pick<SettingsService, 'now' | 'patch'>
  /** Keeps the pipeline from writing; resolves when nothing is being written. */
  holdWrites(): Promise<void>
  releaseWrites(): void
}

/** Written before the choice of engine is saved: what the job answers should the host end right after that. */
interface Checkpoint {
  result: SwitchResult
}

/** So few rows are copied within the time that telemetry may wait for the switch. */
const SMALL_STEP = 5000
const MOST_STEPS = 40

/**
 * Moves this host from one engine to the other while telemetry keeps arriving. It is copied, oldest write first, then what
 * arrived meanwhile, in ever smaller steps, each verified by count and sum of every signal and day. For the last step the
 * pipeline's writes are held: what they bring waits and goes to the new engine. The choice of engine is saved before the
 * first write to it. Until then the old engine takes everything, and a failure, a cancel or a crash changes nothing there;
 * the place a move got to lies in the target, in the transaction of its rows.
 */
export function switchJob(parts: SwitchParts): JobKind<SwitchInput, Checkpoint> {
  return {
    kind: 'switch',
    exclusive: 'storage',
    resumable: true,
    async run(job) {
      const { settings, store, engines } = parts
      const { to, from } = job.input
      const address = job.secret ?? ''
      // The host ended after the choice was saved: all that is left is to forget the place.
      if (job.checkpoint && settings.now().storage.engine === to) {
        await forgetPlace(job, store.current)
        return job.checkpoint.result
      }
      job.log(`Moving from ${from} to ${to}${job.input.address ? ` at ${job.input.address}` : ''}.`)
      const target = await engines.open({ engine: to, postgresUrl: address || settings.now().storage.postgresUrl })
      store.holdRetention(`telemetry is being moved to ${to}`)
      const source = store.current
      let result: SwitchResult
      try {
        job.signal.throwIfAborted()
        result = await moveAndExchange(parts, job, target)
      } catch (error) {
        if (stopReason(job.signal) !== 'host stops') await clearUp(job, target)
        await engines.close(target)
        throw error
      } finally {
        store.holdRetention(null)
      }
      // The new engine is in use: nothing that fails from here on may undo it.
      job.log(`Telemetry goes to ${to} from now on. ${from} keeps what it has until you delete it.`)
      await forgetPlace(job, target)
      await engines.close(source).catch((error: Error) => job.log(`${from} did not close cleanly: ${error.message}`))
      return result
    },
  }
}

/** A place that stays behind costs a line in a table and nothing else. */
async function forgetPlace(job: RunningJob<SwitchInput, unknown>, store: TelemetryStore): Promise<void> {
  await Promise.all([store.writer.endMove(job.id, false), store.metricMoves.end(job.id, false)]).catch((error: Error) =>
    job.log(`The note of this move stays in the store: ${error.message}`, 'warn'),
  )
}

/** Takes back what the move brought. */
async function clearUp(job: RunningJob<SwitchInput, unknown>, target: TelemetryStore): Promise<void> {
  try {
    const { spans, logs } = await target.writer.endMove(job.id, true)
    await target.metricMoves.end(job.id, true)
    if (spans + logs > 0) job.log(`Removed ${spans} spans and ${logs} log records from the target again.`)
  } catch (error) {
    job.log(`What was copied could not be removed from the target: ${(error as Error).message}`, 'error')
  }
}

async function moveAndExchange(
  parts: SwitchParts,
  job: RunningJob<SwitchInput, Checkpoint>,
  target: TelemetryStore,
): Promise<SwitchResult> {
  const { store, settings } = parts
  const { move: what, to } = job.input
  const began = performance.now()
  const source = store.current
  await checkTarget(job, target)
  const move = what === 'settings' ? null : moveOf(job, source, target)
  const mover = move && new Mover(move)
  const metrics = move && new MetricMover(move)
  if (mover) {
    await metrics?.catchUp()
    for (let step = 0; (await mover.step()) > SMALL_STEP; step++) {
      if (step === MOST_STEPS) {
        throw new GlassboxError(
          'move_too_slow',
          `telemetry arrives faster than ${to} takes it: the copy does not catch up`,
        )
      }
    }
  }
  job.signal.throwIfAborted()
  if (!job.holdCancel()) throw job.signal.reason
  await parts.holdWrites()
  try {
    await nothingWaits(source)
    await mover?.step()
    await metrics?.finish()
    const verified = mergeDaySums(mover?.verified ?? [], metrics?.verified ?? [])
    const result = resultOf(job.input, verified, performance.now() - began)
    await job.save({ result })
    await settings.patch({
      'storage.engine': to,
      ...(to === 'postgres' && job.secret ? { 'storage.postgresUrl': job.secret } : {}),
    })
    store.exchange(target)
    return result
  } finally {
    parts.releaseWrites()
  }
}

function resultOf({ to, from }: SwitchInput, verified: DaySum[], ms: number): SwitchResult {
  const rows = (signal: DaySum['signal']): number =>
    verified.reduce((sum, day) => sum + (day.signal === signal ? day.rows : 0), 0)
  return {
    engine: to,
    spans: rows('traces'),
    logs: rows('logs'),
    samples: rows('metrics'),
    days: verified.length,
    seconds: Math.round(ms / 1000),
    kept: from,
  }
}

function moveOf(job: RunningJob<SwitchInput, unknown>, source: TelemetryStore, target: TelemetryStore): Move {
  const { move } = job.input
  return {
    source,
    target,
    name: job.id,
    since: typeof move === 'object' ? move.since : null,
    signal: job.signal,
    progress: (phase, done, total) => job.progress({ phase, done, total, unit: 'rows' }),
    log: (text, level) => job.log(text, level),
  }
}

/** Copies and verifies step by step: each takes up to where the source was when it began. */
class Mover {
  readonly #move: Move
  #source: string | null = null
  #target: string | null = null
  #first = true
  verified: DaySum[] = []

  constructor(move: Move) {
    this.#move = move
  }

  /** @returns rows copied */
  async step(): Promise<number> {
    const { source, target, log } = this.#move
    const upTo = await source.reader.scanMark()
    const total = this.#first ? await this.#total() : null
    const rows = await copyUpTo(this.#move, upTo, this.#first ? 'copy' : 'catch-up', total)
    const reached = await target.reader.scanMark()
    const days = await verifyMove(
      this.#move,
      { source: { after: this.#source, upTo }, target: { after: this.#target, upTo: reached } },
      rows,
    )
    if (this.#first) log(`Copied ${rows} rows and found counts and sums of ${days.length} signal-days equal.`)
    this.verified = mergeDaySums(this.verified, days)
    this.#source = upTo
    this.#target = reached
    this.#first = false
    return rows
  }

  /** Rows to come; null when only a part of them moves. */
  async #total(): Promise<number | null> {
    if (this.#move.since !== null) return null
    const { spans, logs } = await this.#move.source.stats()
    return spans + logs
  }
}

/** @throws GlassboxError `target_not_empty` */
async function checkTarget(job: RunningJob<SwitchInput, unknown>, target: TelemetryStore): Promise<void> {
  const { existing, to, move } = job.input
  // An engine that waits for its server opens all the same; a move does not begin with that.
  const place = await target.writer.movedTo(job.id)
  if (move === 'settings' || place !== null) return
  const { spans, logs } = await target.stats()
  if (spans + logs === 0 || existing === 'keep') return
  if (existing === 'refuse') {
    throw new GlassboxError('target_not_empty', `${to} holds ${spans} spans and ${logs} log records already`)
  }
  const removed = await target.clear()
  job.log(`Deleted ${removed.spans} spans and ${removed.logs} log records that the target held.`)
}

/** @throws GlassboxError `storage_unavailable` while writes wait on disk for the server to come back */
async function nothingWaits(source: TelemetryStore): Promise<void> {
  const { waiting } = await source.stats()
  const rows = (waiting?.spans ?? 0) + (waiting?.logs ?? 0)
  if (rows > 0) throw new GlassboxError('storage_unavailable', `${rows} rows still wait on disk for Postgres`)
}

/** Reads the address of a switch: `sqlite:` or a Postgres one. @throws GlassboxError `bad_request` */
export function switchInput(
  url: string,
  move: SwitchInput['move'],
  existing: SwitchInput['existing'],
  current: Engine,
): { input: SwitchInput; secret: string | null } {
  const to: Engine = /^sqlite:?$/.test(url) ? 'sqlite' : 'postgres'
  if (to === current) {
    throw new GlassboxError('bad_request', `url: telemetry lies in ${current} already`, 'Choose the other engine.')
  }
  const input = { from: current, to, address: to === 'postgres' ? hidePassword(url) : '', move, existing }
  return { input, secret: to === 'postgres' ? url : null }
}
