import { randomBytes, randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GlassboxError } from '../base/errors.ts'
import { type JobKind, type RunningJob, stopReason } from '../jobs/job-kind.ts'
import type { ArchiveSecret } from './archive/archive-key.ts'
import type { Manifest } from './archive/manifest.ts'
import type { ArchivePlace } from './archive-place.ts'
import type { BackupShelf } from './backup-shelf.ts'
import { inThread } from './backup-thread.ts'
import type { CarryOrder } from './carry-rows.ts'
import { applyConfigTables, type ConfigTable, readConfigTables } from './config-tables.ts'
import type { BackupOrder, Restored, RestoreOrder } from './operations.ts'
import { holdsTelemetry, type ReplaceScope, replaceScope, type StoredBefore } from './replace-scope.ts'
import type { RestoreCounts, Selection } from './restore-telemetry.ts'
import {
  type Carry,
  commitRestore,
  finishRestore,
  makeRestoreFolder,
  openCarries,
  openReplaces,
  restoreFolder,
  stageConfig,
} from './staged-restore.ts'
import { storeTarget } from './store-target.ts'
import { parseArchiveName } from './targets/archive-name.ts'

export interface RestoreInput {
  target: string
  name: string
  /** A file that lies in no target, such as a bundle that is imported; absent = `name` in `target`. */
  file?: string
  select: Selection
  mode: 'replace' | 'merge'
}

export interface RestoreResult {
  restore: string
  counts: RestoreCounts
  /** What came back was compared with the archive, day by day; else every byte of the archive was checked before. */
  verified: boolean
  /** File of the safety backup, or null when there was nothing before. */
  safety: string | null
  undoUntil: number | null
  warnings: string[]
}

const UNDO_US = 7 * 86_400e6
/** Stands behind the name of a safety backup in the name of its key. */
const KEY = '.key'
const safetyFolder = (shelf: BackupShelf): string => join(shelf.localPath, 'safety')

/** Restores from any target, after a safety backup. Two at once are refused. */
export function restoreJob(shelf: BackupShelf): JobKind<RestoreInput, null> {
  return {
    kind: 'restore',
    exclusive: 'restore',
    resumable: false,
    async run(job) {
      const { target, name, file, select, mode } = job.input
      const places = file === undefined ? await shelf.chain(target, name) : [{ file }]
      return restore(shelf, job, { places, select, secret: shelf.jobSecret(job), mode, what: name })
    },
  }
}

export interface UndoInput {
  restore: string
}

/** Puts back what was there before a restore. */
export function undoJob(shelf: BackupShelf): JobKind<UndoInput, null> {
  return {
    kind: 'restore-undo',
    exclusive: 'restore',
    resumable: false,
    async run(job) {
      const done = shelf.state.state.restores.find(({ id }) => id === job.input.restore)
      if (!done || done.safety === null || done.undone || (done.undoUntil ?? 0) < shelf.parts.clock.nowUs())
        throw new GlassboxError('bad_request', 'this restore cannot be undone (any more)')
      const select: Selection = { telemetry: true, config: true, start: null, end: null, service: null }
      const places = [{ file: join(safetyFolder(shelf), done.safety) }]
      const key = `${places[0].file}${KEY}`
      if (!existsSync(key)) throw new GlassboxError('bad_request', 'the key of the safety backup is gone')
      const secret = { keyFile: readFileSync(key) }
      const result = await restore(shelf, job, { places, select, secret, mode: 'replace', what: `before ${done.what}` })
      shelf.state.update((state) => {
        const own = state.restores.find(({ id }) => id === done.id)
        if (own) own.undone = true
      })
      return result
    },
  }
}

interface Wanted {
  places: ArchivePlace[]
  secret: ArchiveSecret | null
  select: Selection
  mode: 'replace' | 'merge'
  what: string
}

async function restore(shelf: BackupShelf, job: RunningJob<unknown, null>, wanted: Wanted): Promise<RestoreResult> {
  const { settings, store } = shelf.parts
  const id = randomUUID()
  const hooks = {
    signal: job.signal,
    progress: (progress: Parameters<typeof job.progress>[0]) => job.progress(progress),
  }
  const manifests = await shelf.inspect(wanted.places, wanted.secret, job.signal)
  const newest = manifests[manifests.length - 1]
  const select = { ...wanted.select, telemetry: wanted.select.telemetry && holdsTelemetry(newest) }
  const scope = wanted.mode === 'replace' && select.telemetry ? replaceScope(newest, select) : null
  const order: RestoreOrder = { places: wanted.places, secret: wanted.secret, selection: select }
  const sinceMs = Math.floor(shelf.parts.clock.nowUs() / 1000)
  const mark = await store.reader.scanMark()
  const safety = await safetyBackup(shelf, job)
  job.log(`What is there now is kept in ${safety}.`)
  const at = shelf.parts.clock.nowUs()
  const undoUntil = at + UNDO_US
  // Remembered before the point of no return, so that it can be undone also after a kill.
  shelf.state.update(
    (state) =>
      void state.restores.push({ id, at, what: wanted.what, mode: wanted.mode, safety, undoUntil, undone: false }),
  )
  let done: { counts: RestoreCounts; warnings: string[]; verified?: boolean }
  try {
    done =
      wanted.mode === 'replace'
        ? await (select.telemetry && !store.replaceFile ? replaceRows : replace)(
            shelf,
            job,
            { ...wanted, select, scope, id, order, mark, sinceMs },
            hooks,
          )
        : await merge(shelf, job, { ...wanted, select, id, order }, hooks)
  } catch (error) {
    const decided = openReplaces(shelf.parts.dataDir).some((open) => open.id === id)
    if (!decided && stopReason(job.signal) !== 'host stops') {
      rmSync(restoreFolder(shelf.parts.dataDir, id), { recursive: true, force: true })
      shelf.state.update((state) => {
        state.restores = state.restores.filter((one) => one.id !== id)
      })
    }
    throw error
  }
  if (select.config) settings.reload()
  const rejected = Object.entries(done.counts.rejectedSamples).map(
    ([reason, count]) => `${count} samples were not taken: ${reason}`,
  )
  const { counts, verified = false } = done
  return { restore: id, counts, verified, safety, undoUntil, warnings: [...done.warnings, ...rejected] }
}

/**
 * Keeps what is there now. It is encrypted with a key of its own beside it, so that passwords are in it and come back
 * whatever password the settings have by then.
 */
async function safetyBackup(shelf: BackupShelf, job: RunningJob<unknown, unknown>): Promise<string> {
  const { dataDir, settings, secrets, product, clock } = shelf.parts
  const key = randomBytes(32)
  const { tables, warnings } = readConfigTables(dataDir, secrets)
  const order: BackupOrder = {
    dataDir,
    storage: settings.now().storage,
    kind: 'full',
    base: null,
    config: tables,
    warnings,
    secret: { keyFile: key },
    product,
    nowUs: clock.nowUs(),
    to: { folder: safetyFolder(shelf) },
  }
  const { file } = await inThread<{ file: string; manifest: Manifest }>('backup', order, {
    signal: job.signal,
    progress: (progress) => job.progress({ ...progress, phase: 'safety' }),
  })
  writeFileSync(file + KEY, key, { mode: 0o600, flush: true })
  return basename(file)
}

/** Removes safety backups whose time for an undo is over, and those of restores that came to nothing. */
export function removeOldSafety(shelf: BackupShelf): void {
  const folder = safetyFolder(shelf)
  const now = shelf.parts.clock.nowUs()
  if (!existsSync(folder)) return
  const kept = new Set(
    shelf.state.state.restores.flatMap(({ safety, undone, undoUntil }) =>
      safety !== null && !undone && (undoUntil ?? 0) >= now ? [safety] : [],
    ),
  )
  for (const name of readdirSync(folder)) {
    const own = name.endsWith(KEY) ? name.slice(0, -KEY.length) : name
    const made = parseArchiveName(own)?.createdAt
    // A restore that runs now has not told yet which one is its own.
    if (made !== undefined && !kept.has(own) && now - made > UNDO_US) rmSync(join(folder, name), { force: true })
  }
}

type Hooks = Parameters<typeof inThread>[2]

/** A restore that takes the place of all or, with a scope, of a part of what is stored. */
interface Replacing extends Wanted, Carry {
  id: string
  order: RestoreOrder
  scope: ReplaceScope | null
}

function storedBefore(shelf: BackupShelf, { scope, mark, sinceMs }: Replacing): StoredBefore | null {
  const { dataDir, settings } = shelf.parts
  return scope && { dataDir, storage: settings.now().storage, scope, upTo: mark, beforeMs: sinceMs }
}

async function replace(
  shelf: BackupShelf,
  job: RunningJob<unknown, unknown>,
  wanted: Replacing,
  hooks: Hooks,
): Promise<{ counts: RestoreCounts; warnings: string[]; verified: boolean }> {
  const { dataDir, secrets, store } = shelf.parts
  const { id, select } = wanted
  const folder = makeRestoreFolder(dataDir, id)
  const none: RestoreCounts = { spans: 0, logs: 0, samples: 0, rejectedSamples: {} }
  const staged = select.telemetry
    ? await inThread<Restored>('stage', { ...wanted.order, folder, before: storedBefore(shelf, wanted) }, hooks)
    : { counts: none, verified: false, config: await inThread<ConfigTable[]>('config', wanted.order, hooks) }
  let warnings: string[] = []
  if (select.config) {
    warnings = applyConfigTables(dataDir, staged.config, secrets, { replace: true, dryRun: true }).warnings
    stageConfig(dataDir, id, staged.config)
  }
  if (!job.holdCancel()) throw job.signal.reason
  job.progress({ phase: 'swap', done: 0, total: null, unit: 'steps' })
  const journal = {
    id,
    what: `the restore of ${wanted.what}`,
    telemetry: select.telemetry,
    config: select.config ? ('replace' as const) : ('no' as const),
    // What arrived since the safety backup began is carried over.
    carry: select.telemetry ? { mark: wanted.mark, sinceMs: wanted.sinceMs } : null,
    replace: null,
  }
  commitRestore(dataDir, journal)
  if (select.telemetry) await store.replaceFile?.(folder)
  finishRestore(dataDir, journal, secrets)
  for (const carry of openCarries(dataDir)) await carryOver(shelf, carry)
  return { counts: staged.counts, warnings, verified: staged.verified }
}

/** The same where telemetry is rows of a database: the new ones are written beside the old, which go in one transaction. */
async function replaceRows(
  shelf: BackupShelf,
  job: RunningJob<unknown, unknown>,
  wanted: Replacing,
  hooks: Hooks,
): Promise<{ counts: RestoreCounts; warnings: string[] }> {
  const { id, order, what, select, mark } = wanted
  const { dataDir, secrets, store } = shelf.parts
  const before = storedBefore(shelf, wanted)
  const move = `restore-${id}`
  makeRestoreFolder(dataDir, id)
  shelf.state.update((state) => void state.openMoves.push({ move, what }))
  try {
    const counts = await inThread<RestoreCounts>(
      'merge',
      { ...order, after: null, fresh: null },
      { ...hooks, target: storeTarget(store, move) },
    )
    // Of samples nothing goes: those of the archive were added to what is there.
    if (before) await inThread('keep', before, { ...hooks, target: storeTarget(store, move) })
    let warnings: string[] = []
    if (select.config) {
      const tables = await inThread<ConfigTable[]>('config', order, hooks)
      warnings = applyConfigTables(dataDir, tables, secrets, { replace: true, dryRun: true }).warnings
      stageConfig(dataDir, id, tables)
    }
    if (!job.holdCancel()) throw job.signal.reason
    const config = select.config ? ('replace' as const) : ('no' as const)
    const journal = {
      id,
      what: `the restore of ${what}`,
      telemetry: false,
      config,
      carry: null,
      replace: { move, mark },
    }
    commitRestore(dataDir, journal)
    finishRestore(dataDir, journal, secrets)
    for (const open of openReplaces(dataDir)) await finishReplace(shelf, open)
    return { counts, warnings }
  } catch (error) {
    const decided = openReplaces(dataDir).some((open) => open.id === id)
    if (!decided && stopReason(job.signal) !== 'host stops') {
      await store.writer.endMove(move, true)
      closeMove(shelf, move)
    }
    throw error
  }
}

/** The last step of `replaceRows`, also for the start after a kill. */
export async function finishReplace(
  shelf: BackupShelf,
  { id, move, mark }: { id: string; move: string; mark: string },
): Promise<void> {
  const { dataDir, store } = shelf.parts
  await store.writer.replaceWithMove?.(move, mark)
  closeMove(shelf, move)
  rmSync(restoreFolder(dataDir, id), { recursive: true, force: true })
}

/** Brings what arrived while a restore ran from the old file into the new one; goes on where it was when killed. */
export async function carryOver(shelf: BackupShelf, { id, mark, sinceMs }: { id: string } & Carry): Promise<void> {
  const { dataDir, store } = shelf.parts
  const folder = join(restoreFolder(dataDir, id), 'old')
  if (existsSync(join(folder, 'auxiliary.db'))) {
    const move = `carry-${id}`
    const after = (await store.writer.movedTo(move)) ?? mark
    await inThread('carry', { folder, after, sinceMs } satisfies CarryOrder, { target: storeTarget(store, move) })
    await store.writer.endMove(move, false)
  }
  rmSync(restoreFolder(dataDir, id), { recursive: true, force: true })
}

async function merge(
  shelf: BackupShelf,
  job: RunningJob<unknown, unknown>,
  wanted: Wanted & { id: string; order: RestoreOrder },
  hooks: Hooks,
): Promise<{ counts: RestoreCounts; warnings: string[] }> {
  const { dataDir, secrets, store, settings } = shelf.parts
  const { id, select, order } = wanted
  let counts: RestoreCounts = { spans: 0, logs: 0, samples: 0, rejectedSamples: {} }
  // Named before its first row comes, so that a start after a kill takes back what there is of it.
  const move = `restore-${id}`
  if (select.telemetry) {
    shelf.state.update((state) => void state.openMoves.push({ move, what: wanted.what }))
    try {
      const fresh = { dataDir, storage: settings.now().storage }
      counts = await inThread<RestoreCounts>(
        'merge',
        { ...order, after: null, fresh },
        { ...hooks, target: storeTarget(store, move) },
      )
    } catch (error) {
      if (stopReason(job.signal) !== 'host stops') {
        await store.writer.endMove(move, true)
        closeMove(shelf, move)
      }
      throw error
    }
  }
  let warnings: string[] = []
  const tables = select.config ? await inThread<ConfigTable[]>('config', order, hooks) : []
  if (!job.holdCancel()) {
    if (select.telemetry) await store.writer.endMove(move, true)
    closeMove(shelf, move)
    throw job.signal.reason
  }
  if (select.config) warnings = applyConfigTables(dataDir, tables, secrets, { replace: false, dryRun: false }).warnings
  if (select.telemetry) await store.writer.endMove(move, false)
  closeMove(shelf, move)
  return { counts, warnings }
}

function closeMove(shelf: BackupShelf, move: string): void {
  shelf.state.update((state) => {
    state.openMoves = state.openMoves.filter((one) => one.move !== move)
  })
}

/** After a kill: rows of a merge that did not end go again. */
export async function undoOpenMoves(shelf: BackupShelf): Promise<void> {
  const decided = new Set(openReplaces(shelf.parts.dataDir).map(({ move }) => move))
  for (const { move, what } of [...shelf.state.state.openMoves]) {
    if (decided.has(move)) continue
    await shelf.parts.store.writer.endMove(move, true)
    closeMove(shelf, move)
    const text = `The restore of ${what} was cut off; everything is as it was before it.`
    shelf.state.update((state) => {
      state.notice = { at: shelf.parts.clock.nowUs(), text, state: 'before' }
    })
  }
}
