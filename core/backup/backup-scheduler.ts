import type { Settings } from '../config/settings.ts'
import type { BackupKind } from './archive/manifest.ts'
import type { BackupShelf } from './backup-shelf.ts'
import { chainOf, type ListedArchive } from './keep-plan.ts'
import { isDue, nextRun, type Schedule } from './schedule.ts'

const LOOK_MS = 30_000
/** A run that begins so much later was missed: the machine was off or asleep. */
const LATE_US = 600e6

type Due = Settings['backup']['schedules'][number]
const VERIFY = 'verify'

/** Starts backups and checks when they are due; what was missed while the machine was off is caught up once. */
export class BackupScheduler {
  readonly #shelf: BackupShelf
  #timer: NodeJS.Timeout | null = null
  #looking = false

  constructor(shelf: BackupShelf) {
    this.#shelf = shelf
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_MS)
    this.#timer.unref()
    this.look()
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer)
    this.#timer = null
  }

  /** Every schedule that is on, with that of checking. */
  schedules(): (Schedule & { kind: BackupKind | 'verify'; targets: string[] })[] {
    const { backup } = this.#shelf.parts.settings.now()
    if (!backup.enabled) return []
    const own = backup.schedules.filter(({ enabled }) => enabled)
    const verify = {
      id: VERIFY,
      kind: 'verify' as const,
      cron: backup.verify.cron,
      zone: backup.verify.zone,
      targets: [] as string[],
    }
    return backup.verify.enabled ? [...own, verify] : own
  }

  next(): { schedule: string; kind: BackupKind | 'verify'; at: number }[] {
    const now = this.#shelf.parts.clock.nowUs()
    return this.schedules()
      .flatMap((one) => {
        const at = nextRun(one, now)
        return at === null ? [] : [{ schedule: one.id, kind: one.kind, at }]
      })
      .sort((a, b) => a.at - b.at)
  }

  /** Starts what is due now. */
  look(): void {
    if (this.#looking) return
    this.#looking = true
    this.#startDue()
      .catch((error: Error) => this.#shelf.parts.log.error({}, `scheduled backups could not start: ${error.message}`))
      .finally(() => {
        this.#looking = false
      })
  }

  async #startDue(): Promise<void> {
    const { clock } = this.#shelf.parts
    const { state } = this.#shelf
    const now = clock.nowUs()
    const schedules = this.schedules()
    // What is new runs at its next time, not at once.
    const fresh = schedules.filter(({ id }) => state.state.lastRuns[id] === undefined)
    if (fresh.length > 0)
      state.update(({ lastRuns }) => {
        for (const { id } of fresh) lastRuns[id] = now
      })
    // A full backup makes an incremental one of the same moment needless, and comes before it.
    const order: Record<string, number> = { full: 0, incremental: 1, config: 2, verify: 3 }
    const due = schedules
      .filter((one) => isDue(one, state.state.lastRuns[one.id] ?? now, now))
      .sort((a, b) => order[a.kind] - order[b.kind])
    for (const one of due) {
      const planned = nextRun(one, state.state.lastRuns[one.id] ?? now)
      const missed = planned !== null && now - planned > LATE_US ? planned : null
      if (!(await this.#run(one, missed))) return
      state.update(({ lastRuns }) => {
        lastRuns[one.id] = now
      })
    }
  }

  /** Answers false when another backup runs, or the host stops under this one: it is tried again soon, or at the next start. */
  async #run(
    one: Pick<Due, 'id' | 'targets'> & { kind: BackupKind | 'verify' },
    missed: number | null,
  ): Promise<boolean> {
    try {
      if (one.kind === VERIFY) return await this.#verifyOne()
      // To its targets one after the other.
      for (const target of one.targets) {
        const job = await this.#shelf.job('backup', { kind: one.kind, target, schedule: one.id, missed }, {})
        if ((await this.#shelf.parts.jobs.ended(job.id)).state === 'interrupted') return false
      }
      return true
    } catch (error) {
      if ((error as { code?: string }).code === 'job_running' || (error as { code?: string }).code === 'overloaded')
        return false
      throw error
    }
  }

  /** The archive that was not proven for longest, of any target, by a test restore. */
  async #verifyOne(): Promise<boolean> {
    const candidates: { target: string; archive: ListedArchive; provenAt: number }[] = []
    for (const { name: target } of this.#shelf.targets()) {
      const all = await this.#shelf.list(target).catch(() => [])
      for (const archive of all) {
        if (archive.kind === 'config' || chainOf(archive, all).missing !== null) continue
        candidates.push({ target, archive, provenAt: this.#shelf.state.find(target, archive.name)?.provenAt ?? 0 })
      }
    }
    const oldest = Math.min(...candidates.map(({ provenAt }) => provenAt))
    const last = candidates.filter(({ provenAt }) => provenAt === oldest)
    const pick = last[Math.floor(Math.random() * last.length)]
    if (!pick) return true
    const input = { target: pick.target, name: pick.archive.name, deep: true, schedule: VERIFY }
    const job = await this.#shelf.job('verify', input, {})
    return (await this.#shelf.parts.jobs.ended(job.id)).state !== 'interrupted'
  }
}
