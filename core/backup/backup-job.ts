import { mkdtempSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { GlassboxError } from '../base/errors.ts'
import type { JobKind, RunningJob } from '../jobs/job-kind.ts'
import type { BackupContentChoice } from '../model/backup.ts'
import { type BackupKind, backupKind, type Manifest } from './archive/manifest.ts'
import { type BackupShelf, LOCAL } from './backup-shelf.ts'
import type { RememberedRun } from './backup-state.ts'
import { inThread } from './backup-thread.ts'
import { readConfigTables } from './config-tables.ts'
import { chainOf, holdsAll, removable } from './keep-plan.ts'
import type { BackupOrder, OpenedManifest, VerifyOrder } from './operations.ts'

export interface BackupInput {
  kind: BackupKind
  target: string
  /** Of which schedule it is a run; null = asked for. */
  schedule: string | null
  /** A time of the schedule at which nothing could run and that this run makes up for, µs; null when it is in time. */
  missed: number | null
  /** Of kind `part`: what is in it. */
  content?: BackupContentChoice
}

export interface BackupResult {
  target: string
  name: string
  archive: string
  kind: BackupKind
  bytes: number
  rows: { traces: number; logs: number; metrics: number }
  seconds: number
  warnings: string[]
  /** Names of old archives that were removed afterwards. */
  removed: string[]
}

/** Before a target that went away is tried again, ms. */
const RETRY_MS = [1000, 5000, 20_000]

export interface VerifyInput {
  target: string
  name: string
  deep: boolean
  schedule: string | null
}

/** Makes a backup, checks it, brings it to its target, then removes what is beyond the counts kept. */
export function backupJob(shelf: BackupShelf): JobKind<BackupInput, null> {
  return {
    kind: 'backup',
    exclusive: 'backup',
    resumable: false,
    async run(job) {
      const { kind, target, schedule, missed } = job.input
      const run = { schedule, kind, target, missed }
      try {
        const { name, seconds, ...result } = await makeBackup(shelf, job, kind, target, job.input.content ?? null)
        note(shelf, { ...run, kind: result.kind, ok: true, name, seconds, error: null })
        return { ...result, name, seconds }
      } catch (error) {
        if (!job.signal.aborted)
          note(shelf, { ...run, ok: false, name: null, seconds: null, error: (error as Error).message })
        throw error
      }
    },
  }
}

function note(shelf: BackupShelf, run: Omit<RememberedRun, 'at'>): void {
  const at = shelf.parts.clock.nowUs()
  shelf.state.update((state) => void state.runs.push({ at, ...run }))
}

async function makeBackup(
  shelf: BackupShelf,
  job: RunningJob<unknown, null>,
  kind: BackupKind,
  target: string,
  content: BackupContentChoice | null,
): Promise<BackupResult> {
  const { dataDir, settings, secrets, clock, product } = shelf.parts
  const begun = clock.monotonicMs()
  const secret = shelf.jobSecret(job)
  const base = kind === 'incremental' ? await newestBase(shelf, target, secret) : null
  if (kind === 'incremental' && base === null) {
    job.log('There is no backup yet that this one could add to: it becomes a full one.', 'warn')
    kind = 'full'
  }
  const { tables, warnings } = readConfigTables(dataDir, secret ? secrets : null)
  // A local archive is made where it stays; for other targets it is made beside, sent, and removed.
  const work = target === LOCAL ? null : mkdtempSync(join(shelf.localPath, '.send-'))
  const hooks = {
    signal: job.signal,
    progress: (progress: Parameters<typeof job.progress>[0]) => job.progress(progress),
  }
  try {
    const order: BackupOrder = {
      dataDir,
      storage: settings.now().storage,
      kind,
      base,
      config: content?.settings === false ? [] : tables,
      content,
      warnings,
      secret,
      product,
      nowUs: clock.nowUs(),
      to: { folder: work ?? shelf.localPath },
    }
    const make = (order: BackupOrder) =>
      inThread<{ file: string; bytes: number; manifest: Manifest }>('backup', order, hooks)
    const made = await make(order).catch((error: unknown) => {
      if (base === null || !(error instanceof GlassboxError) || error.code !== 'archive_base_missing') throw error
      // What was restored, or lies in another engine by now, has nothing in common with the last backup.
      job.log(`${error.message}: it becomes a full one.`, 'warn')
      return make({ ...order, kind: 'full', base: null })
    })
    const name = basename(made.file)
    const verify: VerifyOrder = { places: [{ file: made.file }], secret, scratch: null }
    if (made.manifest.base === null) await inThread('verify', verify, hooks)
    if (work) await send(shelf, job, target, made)
    const now = clock.nowUs()
    shelf.remember(
      target,
      name,
      { ...made.manifest, encrypted: secret !== null },
      { verifiedAt: made.manifest.base === null ? now : null },
    )
    const removed = await removeOld(shelf, target, job)
    const rows = (signal: string): number =>
      made.manifest.days.filter((day) => day.signal === signal).reduce((sum, day) => sum + day.rows, 0)
    return {
      target,
      name,
      archive: made.manifest.archive,
      kind: backupKind(made.manifest.kind),
      bytes: made.bytes,
      rows: { traces: rows('traces'), logs: rows('logs'), metrics: rows('metrics') },
      seconds: (clock.monotonicMs() - begun) / 1000,
      warnings: made.manifest.warnings,
      removed,
    }
  } finally {
    if (work) rmSync(work, { recursive: true, force: true })
  }
}

/** Sends an archive to its target; one that goes away is tried again, and goes on with what it has where it can. */
async function send(
  shelf: BackupShelf,
  job: RunningJob<unknown, null>,
  target: string,
  { file, bytes }: { file: string; bytes: number },
): Promise<void> {
  const name = basename(file)
  job.log(`Sending ${name}.`)
  // A place that takes nothing at all has another trouble than being cut off.
  let begun = false
  const progress = (sent: number): void => {
    begun ||= sent > 0
    job.progress({ phase: 'upload', done: sent, total: bytes, unit: 'bytes' })
  }
  // A place that is slow to answer is seen as what is waited for.
  progress(0)
  for (const waitMs of [...RETRY_MS, null]) {
    try {
      await shelf.withTarget(target, (opened) => opened.upload(file, name, { signal: job.signal, progress }))
      return
    } catch (error) {
      const away = error instanceof GlassboxError && error.code === 'backup_target'
      if (waitMs === null || !away || !begun || job.signal.aborted) throw error
      job.log(`${error.message}. It goes on in ${waitMs / 1000} s.`, 'warn')
      await setTimeout(waitMs, undefined, { signal: job.signal })
    }
  }
}

/** The manifest of the newest whole chain that can be added to; null when there is none. */
async function newestBase(shelf: BackupShelf, target: string, secret: BackupOrder['secret']): Promise<Manifest | null> {
  const all = await shelf.list(target)
  const newest = all.find((one) => holdsAll(one) && chainOf(one, all).missing === null)
  if (!newest) return null
  const { chain } = chainOf(newest, all)
  const named = shelf.target(target)
  try {
    const manifests = await shelf.inspect(
      chain.map(({ name }) => shelf.place(named, name)),
      secret,
    )
    return manifests[manifests.length - 1]
  } catch (error) {
    // A chain that cannot be read, or has another password, is no base.
    if (error instanceof GlassboxError && error.code.startsWith('archive_')) return null
    throw error
  }
}

async function removeOld(shelf: BackupShelf, target: string, job: RunningJob<unknown, null>): Promise<string[]> {
  const { keep } = shelf.parts.settings.now().backup
  const all = await shelf.list(target)
  const verified = new Set(
    shelf.state.state.archives
      .filter((one) => one.target === target && one.problem === null && (one.verifiedAt ?? one.provenAt) !== null)
      .map(({ name }) => name),
  )
  const names = removable(all, keep, verified)
  for (const name of names) {
    await shelf.withTarget(target, (opened) => opened.remove(name))
    shelf.forget(target, name)
    job.log(`Removed ${name}: more than are kept.`)
  }
  return names
}

/** Checks an archive, and remembers what came of it. */
export function verifyJob(shelf: BackupShelf): JobKind<VerifyInput, null> {
  return {
    kind: 'verify',
    exclusive: null,
    resumable: false,
    async run(job) {
      const { target, name, deep, schedule } = job.input
      const { clock } = shelf.parts
      const secret = shelf.jobSecret(job)
      const begun = clock.monotonicMs()
      const run = { schedule, kind: 'verify', target, name, missed: null }
      const took = (): number => (clock.monotonicMs() - begun) / 1000
      try {
        const order: VerifyOrder = {
          places: await shelf.chain(target, name),
          secret,
          scratch: deep ? shelf.localPath : null,
        }
        const manifest = await inThread<OpenedManifest>('verify', order, {
          signal: job.signal,
          progress: (progress) => job.progress(progress),
        })
        const now = clock.nowUs()
        shelf.remember(target, name, manifest, {
          verifiedAt: now,
          problem: null,
          ...(deep ? { provenAt: now } : {}),
        })
        if (schedule !== null) note(shelf, { ...run, ok: true, seconds: took(), error: null })
        return { target, name, deep, rows: manifest.days.reduce((sum, day) => sum + day.rows, 0) }
      } catch (error) {
        const { code, message } = error as GlassboxError
        if (code === 'archive_damaged' || code === 'archive_base_missing')
          shelf.state.update((state) => {
            const known = state.archives.find((one) => one.target === target && one.name === name)
            if (known) Object.assign(known, { problem: message, verifiedAt: null, provenAt: null })
          })
        if (schedule !== null && !job.signal.aborted)
          note(shelf, { ...run, ok: false, seconds: took(), error: message })
        throw error
      }
    },
  }
}
