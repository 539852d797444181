import { GlassboxError } from '../base/errors.ts'
import { type DaySum, differingDays, mergeDaySums } from '../storage/content-sum.ts'
import { rowsOf, SCAN_STEP_MS, type SumsRequest, scanAll } from '../storage/scan.ts'
import type { TelemetryStore } from '../storage/store.ts'

/** One move of telemetry from a store to another. */
export interface Move {
  source: TelemetryStore
  target: TelemetryStore
  /** Names the move in the target, the same after a restart. */
  name: string
  /** Rows from before are left behind, µs; null = none. */
  since: number | null
  signal: AbortSignal
  /** Rows done in this pass; `total` null when unknown. */
  progress(
    phase: 'copy' | 'catch-up' | 'verify' | 'metrics' | 'verify-metrics',
    done: number,
    total: number | null,
  ): void
  log(text: string, level?: 'info' | 'warn'): void
}

/** How long a server that is away is waited for before the move gives up. */
const PATIENCE_MS = 5 * 60_000
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 10_000

const AWAY = new Set(['postgres_unreachable', 'storage_unavailable', 'query_timeout'])

/**
 * Copies what the source holds after the place where this move got to, up to `upTo`, oldest write first. Each part and
 * the place after it are stored in one transaction of the target, so it may be interrupted anywhere and called again.
 * A server that is away is waited for. @returns rows copied by this call
 */
export async function copyUpTo(
  move: Move,
  upTo: string,
  phase: 'copy' | 'catch-up',
  total: number | null,
): Promise<number> {
  let copied = 0
  await patiently(move, async (goesOn) => {
    const after = await move.target.writer.movedTo(move.name)
    for await (const part of scanAll(move.source.reader, { after, upTo, since: move.since }, move.signal)) {
      move.signal.throwIfAborted()
      const rows = rowsOf(part)
      await move.target.writer.writeMoved(
        { spans: part.spans, logs: part.logs },
        { move: move.name, cursor: part.cursor },
      )
      goesOn()
      copied += rows
      move.progress(phase, copied, total)
    }
  })
  return copied
}

/**
 * Does work of a move, and again from its beginning while a server is away, for some minutes after it last went on.
 * @throws what the work throws, when it is something else or it lasts too long; what `signal` says
 */
export async function patiently<T>(
  { signal, log }: Pick<Move, 'signal' | 'log'>,
  work: (goesOn: () => void) => Promise<T>,
): Promise<T> {
  let awaySince: number | null = null
  let pause = FIRST_PAUSE_MS
  for (;;) {
    signal.throwIfAborted()
    try {
      return await work(() => {
        awaySince = null
        pause = FIRST_PAUSE_MS
      })
    } catch (error) {
      signal.throwIfAborted()
      const { code, message } = error as GlassboxError
      if (!(error instanceof GlassboxError) || !AWAY.has(code)) throw error
      const now = performance.now()
      if (awaySince === null) log(`${message}; the move waits`, 'warn')
      awaySince ??= now
      if (now - awaySince > PATIENCE_MS) throw error
      await sleep(pause, signal)
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2)
    }
  }
}

/** Ends early when `signal` aborts. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}

async function sums(
  store: TelemetryStore,
  request: SumsRequest,
  signal: AbortSignal,
  told: (rows: number) => void,
): Promise<DaySum[]> {
  const found: DaySum[][] = []
  let rows = 0
  for (let after = request.after; ; ) {
    // A count of distinct spans goes to the end in one call: it gets an hour.
    const timeoutMs = request.distinct ? 3_600_000 : SCAN_STEP_MS
    const part = await store.reader.contentSums({ ...request, after }, { signal, timeoutMs })
    found.push(part.sums)
    rows += part.rows
    told(rows)
    if (part.done) return mergeDaySums(...found)
    after = part.cursor
  }
}

/** A part of both stores that must be equal: everything between two marks of each. */
export interface Stretch {
  source: { after: string | null; upTo: string }
  target: { after: string | null; upTo: string }
}

/**
 * Compares what the source holds of the stretch with what this move brought, by count and sum of every signal and day.
 * Days that differ are counted once more with repeated spans taken once, as an engine may drop repeats at any time.
 * @returns the figures of the target
 * @throws GlassboxError `move_differs` naming the days
 */
export async function verifyMove(move: Move, stretch: Stretch, total: number | null): Promise<DaySum[]> {
  const read = async (distinct: boolean, days: number[] | null): Promise<[DaySum[], DaySum[]]> => {
    // Each engine adds up on threads of its own.
    const failed = new AbortController()
    const signal = AbortSignal.any([move.signal, failed.signal])
    const added = { source: 0, target: 0 }
    const told = (side: keyof typeof added) => (rows: number) => {
      added[side] = rows
      move.progress('verify', added.source + added.target, total === null ? null : total * 2)
    }
    try {
      return await Promise.all([
        sums(move.source, { ...stretch.source, since: move.since, distinct, days }, signal, told('source')),
        sums(move.target, { ...stretch.target, since: null, moved: move.name, distinct, days }, signal, told('target')),
      ])
    } catch (error) {
      failed.abort()
      throw error
    }
  }
  const [source, target] = await read(false, null)
  const odd = differingDays(source, target)
  if (odd.length === 0) return target
  const days = [...new Set(odd.map(({ day }) => day))]
  move.log(`${days.length} days differ at first sight: repeated spans are counted once now`)
  const [onceSource, onceTarget] = await read(true, days)
  const left = differingDays(onceSource, onceTarget)
  if (left.length === 0) return target
  const named = left.slice(0, 5).map(({ signal, day }) => describeDay(signal, day, onceSource, onceTarget))
  throw new GlassboxError('move_differs', `${left.length} days differ after copying: ${named.join('; ')}`)
}

/** A day that differs, in words. */
export function describeDay(signal: string, day: number, source: DaySum[], target: DaySum[]): string {
  const rows = (list: DaySum[]): number => list.find((one) => one.signal === signal && one.day === day)?.rows ?? 0
  const date = new Date(day * 86_400_000).toISOString().slice(0, 10)
  return `${signal} of ${date}: ${rows(source)} rows in the source, ${rows(target)} in the target`
}
