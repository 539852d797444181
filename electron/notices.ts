import type { Job } from '../core/model/job.ts'
import type { Health } from './health.ts'
import type { Texts } from './texts.ts'

/** Something worth telling a person who does not look at the window. `path` is where a click leads. */
export interface Notice {
  title: string
  body: string
  path: string
}

/** A job that ended since the last look. One of a schedule is told of only when it failed. */
export function noticeOfJob(before: Job['state'] | undefined, job: Job, texts: Texts): Notice | null {
  const wasRunning = before === 'running' || before === 'cancelling'
  if (!wasRunning || (job.state !== 'done' && job.state !== 'failed')) return null
  const { schedule } = (job.input ?? {}) as { schedule?: unknown }
  if (job.state === 'done' && schedule) return null
  const name = (texts as Record<string, string>)[`job_${job.kind}`] ?? job.kind
  const title = `${job.state === 'done' ? texts.jobDone : texts.jobFailed}: ${name}`
  return { title, body: job.error?.message ?? '', path: `/jobs/${job.id}` }
}

/** Trouble that began since the last look; that it ended is seen in the tray. */
export function noticeOfHealth(before: Health | null, now: Health, texts: Texts): Notice | null {
  if (now.level !== 'error' || before?.reason === now.reason) return null
  return { title: 'Glassbox', body: texts[now.reason], path: '/settings/storage' }
}
