import type { Readable } from 'node:stream'
import { GlassboxError } from '../base/errors.ts'
import { hideSecrets } from '../config/secret-box.ts'
import type {
  BackupContent,
  BackupContentChoice,
  BackupDay,
  BackupEstimate,
  BackupItem,
  BackupsAnswer,
  BackupTargetState,
  RestorePlan,
} from '../model/backup.ts'
import type { Job } from '../model/job.ts'
import { type BackupKind, backupKind, type Manifest } from './archive/manifest.ts'
import { backupJob, verifyJob } from './backup-job.ts'
import { BackupScheduler } from './backup-scheduler.ts'
import { type BackupParts, BackupShelf, type GivenSecret, LOCAL, shownAddress } from './backup-shelf.ts'
import { inThread } from './backup-thread.ts'
import { applyConfigTables, type ConfigTable } from './config-tables.ts'
import { sumsOf } from './day-totals.ts'
import { chainOf, holdsAll, type ListedArchive } from './keep-plan.ts'
import { holdsTelemetry, type InsideOrder, type ReplaceScope, replaceScope } from './replace-scope.ts'
import {
  carryOver,
  finishReplace,
  type RestoreInput,
  removeOldSafety,
  restoreJob,
  undoJob,
  undoOpenMoves,
} from './restore-job.ts'
import { type Selection, wantsPart } from './restore-telemetry.ts'
import { openCarries, openReplaces, type RecoveredRestore } from './staged-restore.ts'
import { freeBytesOf } from './targets/local-folder.ts'

const MONTH_US = 30 * 86_400e6
const CLEAN_MS = 6 * 3_600_000
/** Bytes of an archive a byte of stored telemetry, about. */
const ARCHIVE_SHARE = 0.7
const MOST_SETTINGS_SHOWN = 200

export interface ArchiveRef extends GivenSecret {
  target: string
  name: string
}

/** Backups as the api asks for them; starts schedules and finishes what a kill left. */
export class BackupService {
  readonly #shelf: BackupShelf
  readonly #scheduler: BackupScheduler
  #cleaner: NodeJS.Timeout | null = null

  constructor(parts: BackupParts) {
    this.#shelf = new BackupShelf(parts)
    this.#scheduler = new BackupScheduler(this.#shelf)
    parts.jobs.register(backupJob(this.#shelf))
    parts.jobs.register(verifyJob(this.#shelf))
    parts.jobs.register(restoreJob(this.#shelf))
    parts.jobs.register(undoJob(this.#shelf))
  }

  /** @param recovered what `recoverRestore` found before the store was opened */
  async start(recovered: RecoveredRestore | null): Promise<void> {
    const { dataDir, clock, log } = this.#shelf.parts
    if (recovered) {
      const text =
        recovered.state === 'after'
          ? `${recovered.what} had been cut off and was finished at this start.`
          : `A restore was cut off before it changed anything: everything is as it was.`
      log.warn({}, text)
      this.#shelf.state.update((state) => {
        state.notice = { at: clock.nowUs(), text, state: recovered.state }
      })
    }
    for (const open of openReplaces(dataDir)) await finishReplace(this.#shelf, open)
    await undoOpenMoves(this.#shelf)
    for (const carry of openCarries(dataDir)) await carryOver(this.#shelf, carry)
    this.#scheduler.start()
    const clean = (): void => {
      removeOldSafety(this.#shelf)
      this.#shelf.cleanUp().catch((error: Error) => log.warn({}, error.message))
    }
    this.#cleaner = setInterval(clean, CLEAN_MS)
    this.#cleaner.unref()
    clean()
  }

  stop(): void {
    this.#scheduler.stop()
    if (this.#cleaner) clearInterval(this.#cleaner)
  }

  async list(only?: string): Promise<BackupsAnswer> {
    const shelf = this.#shelf
    const named = only === undefined ? shelf.targets() : [shelf.target(only)]
    const found = await Promise.all(
      named.map(async ({ name, kind, address }): Promise<{ state: BackupTargetState; items: BackupItem[] }> => {
        const state = {
          name,
          kind,
          address: shownAddress(address),
          freeBytes: null as number | null,
          error: null as string | null,
        }
        try {
          const all = await shelf.list(name)
          if (kind === 'folder') state.freeBytes = await freeBytesOf(address).catch(() => null)
          return { state, items: all.map((one) => this.#item(name, one, all)) }
        } catch (error) {
          return { state: { ...state, error: (error as Error).message }, items: [] }
        }
      }),
    )
    const items = found.flatMap((one) => one.items).sort((a, b) => b.createdAt - a.createdAt)
    const now = shelf.parts.clock.nowUs()
    const { runs, restores, notice } = shelf.state.state
    const recent = runs.filter(({ at }) => now - at < MONTH_US).reverse()
    return {
      items,
      targets: found.map(({ state }) => state),
      lastGood: items.find((one) => holdsAll(one) && one.missing === null && one.problem === null) ?? null,
      next: this.#scheduler.next(),
      attention: this.#attention(now),
      runs: recent.map((run) => ({
        ...run,
        seconds: run.seconds ?? null,
        missed: run.missed ?? null,
      })) as BackupsAnswer['runs'],
      restores: restores
        .map(({ safety, undoUntil, ...one }) => ({
          ...one,
          undoUntil: safety === null || one.undone || (undoUntil ?? 0) < now ? null : undoUntil,
        }))
        .reverse(),
      notice,
    }
  }

  #item(target: string, archive: ListedArchive, all: ListedArchive[]): BackupItem {
    const { chain, missing } = chainOf(archive, all)
    const known = this.#shelf.state.find(target, archive.name)
    const { name, kind, createdAt, bytes, id, base } = archive
    return {
      target,
      name,
      kind,
      createdAt,
      bytes,
      id,
      base,
      chain: chain.map((one) => one.name),
      missing,
      verifiedAt: known?.verifiedAt ?? null,
      provenAt: known?.provenAt ?? null,
      problem: known?.problem ?? null,
      content: known && {
        encrypted: known.encrypted,
        product: known.product,
        engine: known.engine,
        days: known.days,
        warnings: known.warnings,
      },
    }
  }

  /** The last run of a schedule that failed, or a schedule that is a day late. */
  #attention(now: number): string | null {
    const { runs, lastRuns } = this.#shelf.state.state
    for (const { id, kind } of this.#scheduler.schedules()) {
      const last = runs.findLast((run) => run.schedule === id)
      if (last && !last.ok) return `The last ${kind} of schedule ${id} failed: ${last.error}`
      const ran = lastRuns[id]
      if (ran !== undefined && ran > now) return `Schedule ${id} ran in the future: the clock was set back.`
    }
    return null
  }

  /** @param content makes it one of kind `part` */
  create({
    kind,
    target,
    content,
    ...secret
  }: { kind: BackupKind; target: string; content?: BackupContentChoice } & GivenSecret): Promise<Job> {
    this.#shelf.target(target)
    const what = content ? { kind: 'part', content } : { kind }
    return this.#shelf.job('backup', { ...what, target, schedule: null, missed: null }, secret)
  }

  async estimate(target: string): Promise<BackupEstimate> {
    const stats = await this.#shelf.parts.store.stats()
    const stored = stats.traces.bytes + stats.logsSize.bytes
    const freeBytes = await this.#shelf.withTarget(target, (opened) => opened.freeBytes()).catch(() => null)
    return { spans: stats.spans, logs: stats.logs, bytes: Math.round(stored * ARCHIVE_SHARE), freeBytes }
  }

  test(body: { name?: string; address: string; privateKey: string }) {
    return this.#shelf.test(body)
  }

  async inspect({ target, name, ...secret }: ArchiveRef): Promise<BackupContent> {
    const places = await this.#shelf.chain(target, name)
    const manifests = await this.#shelf.inspect(places, this.#shelf.secret(secret))
    const last = manifests[manifests.length - 1]
    this.#shelf.remember(target, name, last)
    const parts = manifests.flatMap((manifest) => manifest.parts)
    const times = parts.flatMap(({ first, last: end }) => (first === null || end === null ? [] : [first, end]))
    return {
      archive: last.archive,
      kind: backupKind(last.kind),
      createdAt: last.createdAt,
      encrypted: last.encrypted,
      product: last.product,
      engine: last.engine,
      chain: manifests.map(({ kind, createdAt }, i) => ({
        name: nameOf(places[i]),
        kind: backupKind(kind),
        createdAt,
      })),
      days: daysOf(manifests),
      services: [...new Set(parts.flatMap(({ services }) => services ?? []))].sort(),
      first: times.length > 0 ? Math.min(...times) : null,
      last: times.length > 0 ? Math.max(...times) : null,
      hasConfig: last.parts.some(({ kind }) => kind === 'config'),
      warnings: manifests.flatMap(({ warnings }) => warnings),
    }
  }

  async verify({ target, name, deep, ...secret }: ArchiveRef & { deep: boolean }): Promise<Job> {
    const places = await this.#shelf.chain(target, name)
    // A wrong password is told at once, not by a job; what else is wrong is what the job finds and remembers.
    await this.#shelf.inspect(places, this.#shelf.secret(secret)).catch((error: unknown) => {
      if (error instanceof GlassboxError && error.code === 'archive_password') throw error
    })
    return this.#shelf.job('verify', { target, name, deep, schedule: null }, secret)
  }

  async remove({ target, name }: ArchiveRef): Promise<{ removed: string }> {
    await this.#shelf.remove(target, name)
    return { removed: name }
  }

  upload(stream: Readable, name: string): Promise<{ target: string; name: string }> {
    return this.#shelf.upload(stream, name)
  }

  /** What a restore would do. @throws GlassboxError as the restore would */
  async plan(
    order: ArchiveRef & { select: Selection; mode: 'replace' | 'merge' },
    signal: AbortSignal,
  ): Promise<RestorePlan> {
    const { dataDir, store, settings } = this.#shelf.parts
    const { mode } = order
    const places = await this.#shelf.chain(order.target, order.name)
    const secret = this.#shelf.secret(order)
    const manifests = await this.#shelf.inspect(places, secret, signal)
    const last = manifests[manifests.length - 1]
    const select = { ...order.select, telemetry: order.select.telemetry && holdsTelemetry(last) }
    const scope = mode === 'replace' && select.telemetry ? replaceScope(last, select) : null
    const parts = manifests.flatMap((manifest) => manifest.parts).filter((part) => wantsPart(part, select))
    const now = select.telemetry ? await sumsOf(store.reader, signal) : []
    const counts = new Map<string, BackupDay & { now: number }>()
    const at = (day: BackupDay): BackupDay & { now: number } => {
      const key = `${day.signal} ${day.day}`
      const known = counts.get(key) ?? { signal: day.signal, day: day.day, rows: 0, now: 0 }
      counts.set(key, known)
      return known
    }
    if (select.telemetry)
      for (const day of daysOf(manifests).filter((one) => dayWanted(one.day, select))) at(day).rows += day.rows
    for (const day of now) if (!scope || (scope[day.signal] && dayWanted(day.day, scope))) at(day).now += day.rows
    const there = (of: string): number => now.filter((day) => day.signal === of).reduce((sum, day) => sum + day.rows, 0)
    const replaces = mode === 'replace' && select.telemetry
    const removed = scope
      ? await inThread<RestorePlan['removed']>(
          'inside',
          { dataDir, storage: settings.now().storage, scope } satisfies InsideOrder,
          { signal },
        )
      : {
          traces: replaces ? there('traces') : 0,
          logs: replaces ? there('logs') : 0,
          metrics: replaces ? ((await store.usage()).signals.find((one) => one.signal === 'metrics')?.rows ?? 0) : 0,
        }
    // Only a file is replaced with the metrics in it.
    if (!store.replaceFile) removed.metrics = 0
    const neededBytes = parts.reduce((sum, { stored }) => sum + stored, 0) * 4
    const warnings = manifests.flatMap((manifest) => manifest.warnings)
    const config = select.config
      ? await this.#configPlan(places, secret, mode, warnings)
      : { changes: [], settings: [] }
    if (replaces && scope) warnings.push(`Only ${shownScope(scope)} are replaced: all else stays.`)
    if (replaces && !store.replaceFile)
      warnings.push('Metric samples in Postgres stay: those of the archive are added to them.')
    return {
      mode,
      days: [...counts.values()].sort((a, b) =>
        a.day < b.day ? -1 : a.day > b.day ? 1 : a.signal < b.signal ? -1 : 1,
      ),
      removed,
      config: config.changes,
      settings: config.settings,
      neededBytes,
      freeBytes: await freeBytesOf(dataDir),
      engine: { archive: last.engine, here: settings.now().storage.engine },
      destructive:
        removed.traces + removed.logs + removed.metrics > 0 || config.changes.some((change) => change.removed > 0),
      warnings,
    }

    function dayWanted(day: string, { start, end }: Pick<Selection, 'start' | 'end'>): boolean {
      const from = Date.parse(day) * 1000
      return Number.isNaN(from) || ((end === null || from < end) && (start === null || from + 86_400e6 > start))
    }
  }

  async #configPlan(
    places: Parameters<BackupShelf['inspect']>[0],
    secret: Parameters<BackupShelf['inspect']>[1],
    mode: 'replace' | 'merge',
    warnings: string[],
  ): Promise<{ changes: RestorePlan['config']; settings: RestorePlan['settings'] }> {
    const { dataDir, secrets, settings } = this.#shelf.parts
    const tables = await inThread<ConfigTable[]>('config', { places, secret })
    const dry = applyConfigTables(dataDir, tables, secrets, { replace: mode === 'replace', dryRun: true })
    warnings.push(...dry.warnings)
    const saved = settings.all()
    const rows = new Map(tables.find(({ name }) => name === 'setting')?.rows.map((row) => [String(row.key), row.value]))
    const changed = dry.settings.flatMap((key) => {
      const here = saved[key]
      if (!here) return []
      // What was not set then is as it is without being set.
      const restored = rows.has(key) ? settingValue(rows.get(key)) : here.default
      return [{ key, now: here.value, restored: hideSecrets(restored, key) }]
    })
    return { changes: dry.changes, settings: changed.slice(0, MOST_SETTINGS_SHOWN) }
  }

  async restore({ password, keyFile, ...input }: RestoreInput & GivenSecret): Promise<Job> {
    const places = await this.#shelf.chain(input.target, input.name)
    // A wrong password is told at once, not by a job.
    await this.#shelf.inspect(places, this.#shelf.secret({ password, keyFile }))
    return this.#shelf.job('restore', input, { password, keyFile })
  }

  /** Adds what a file holds to what is stored, after a safety backup; can be undone. @throws GlassboxError `archive_password` */
  async importFile(file: string, name: string, secret: GivenSecret): Promise<Job> {
    await this.#shelf.inspect([{ file }], this.#shelf.secret(secret))
    const select: Selection = { telemetry: true, config: false, start: null, end: null, service: null }
    return this.#shelf.job('restore', { target: LOCAL, name, file, select, mode: 'merge' }, secret)
  }

  /** Somebody read the notice of the last start. */
  async seen(): Promise<object> {
    this.#shelf.state.update((state) => {
      state.notice = null
    })
    return {}
  }

  undo(restore: string): Promise<Job> {
    if (!this.#shelf.state.state.restores.some(({ id }) => id === restore))
      throw new GlassboxError('bad_request', 'there was no such restore')
    return this.#shelf.job('restore-undo', { restore }, {})
  }
}

function nameOf(place: Parameters<BackupShelf['inspect']>[0][number]): string {
  return 'file' in place ? (place.file.split(/[\\/]/).pop() ?? '') : place.name
}

function daysOf(manifests: readonly Manifest[]): BackupDay[] {
  const days = new Map<string, BackupDay>()
  for (const { signal, day, rows } of manifests.flatMap((manifest) => manifest.days)) {
    const key = `${day} ${signal}`
    const known = days.get(key)
    // Incremental archives hold the samples of the last hours again.
    days.set(key, { signal, day, rows: (known?.rows ?? 0) + rows })
  }
  return [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one)
}

/** `traces, logs of cart from 2026-11-30T00:00:00.000Z to …`. */
function shownScope({ start, end, service, ...signals }: ReplaceScope): string {
  const named = (['traces', 'logs', 'metrics'] as const).filter((signal) => signals[signal]).join(', ')
  const at = (word: string, time: number | null): string =>
    time === null ? '' : ` ${word} ${new Date(time / 1000).toISOString()}`
  return `${named}${service === null ? '' : ` of ${service}`}${at('from', start)}${at('to', end)}`
}

function settingValue(stored: unknown): unknown {
  if (stored !== null && typeof stored === 'object') return '***'
  try {
    return JSON.parse(String(stored)) as unknown
  } catch {
    return stored
  }
}
