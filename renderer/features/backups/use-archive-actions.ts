import { shallowRef } from 'vue'
import { useRouter } from 'vue-router'
import type { BackupItem, Problem } from '../../../core/api/contract/shapes.ts'
import type { Job } from '../../../core/model/job.ts'
import { type ArchiveSecret, backups } from '../../api/backups.ts'
import { toProblem } from '../../api/client.ts'
import { problemText } from '../../app/problem-text.ts'
import { useBackups } from '../../app/stores/backups.ts'
import { useJobs } from '../../app/stores/jobs.ts'
import { showToast } from '../../app/toasts.ts'
import { useText } from '../../i18n/index.ts'
import { useBackupWords } from './use-backup-words.ts'

/** What waits for a password before it can be checked. */
export const askedToVerify = shallowRef<{ item: BackupItem; deep: boolean; problem: Problem | null } | null>(null)

/** What can be done with archives; each says in a toast what came of it. */
export function useArchiveActions() {
  const { t } = useText()
  const router = useRouter()
  const jobs = useJobs()
  const store = useBackups()
  const words = useBackupWords()

  function refused(error: unknown): void {
    showToast(problemText(toProblem(error)), { kind: 'error' })
  }
  function started(job: Job, text: string): void {
    jobs.take([job])
    showToast(text, { action: { label: t('backups.seeJob'), run: () => void router.push(`/jobs/${job.id}`) } })
  }

  async function backUp(kind: Exclude<BackupItem['kind'], 'part'>, target: string): Promise<void> {
    try {
      started(
        await backups.create({ kind, target }),
        t('backups.startedBackup', { kind: words.kind(kind), place: words.place(target) }),
      )
    } catch (error) {
      refused(error)
    }
  }

  async function verify(item: BackupItem, deep: boolean, secret: ArchiveSecret = {}): Promise<boolean> {
    const { target, name } = item
    try {
      const job = await backups.verify({ target, name, deep, ...secret })
      askedToVerify.value = null
      started(job, t(deep ? 'backups.startedDeep' : 'backups.startedVerify', { time: words.time(item.createdAt) }))
      return true
    } catch (error) {
      const problem = toProblem(error)
      if (problem.code !== 'archive_password') refused(error)
      else askedToVerify.value = { item, deep, problem: secret.password || secret.keyFile ? problem : null }
      return false
    }
  }

  async function remove({ target, name, createdAt }: BackupItem): Promise<void> {
    try {
      await backups.remove(target, name)
      showToast(t('backups.removed', { time: words.time(createdAt) }))
      await store.load()
    } catch (error) {
      refused(error)
    }
  }

  async function undo(restore: string): Promise<void> {
    try {
      started(await backups.undo(restore), t('backups.startedUndo'))
    } catch (error) {
      refused(error)
    }
  }

  async function dismissNotice(): Promise<void> {
    try {
      await backups.seen()
      await store.load()
    } catch (error) {
      refused(error)
    }
  }

  return { backUp, verify, remove, undo, dismissNotice, refused }
}
