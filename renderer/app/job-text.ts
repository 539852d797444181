import type { Job } from '../../core/model/job.ts'
import { en } from '../i18n/en.ts'
import { useText } from '../i18n/index.ts'
import { bytes, count, duration, exactCount } from '../ui/format.ts'

/** How jobs are put into words, the same wherever one is shown. */
export function useJobText(): {
  title: (job: Job) => string
  state: (job: Job) => string
  phase: (job: Job) => string
  /** `1,204,000 of 2.3 M rows · 31.2 k/s · about 18 s`. */
  progress: (job: Job) => string
  share: (job: Job) => number | null
  result: (job: Job) => string
  /** What it is about, to tell jobs of a kind apart: the file, or what is backed up and where to; '' where nothing says. */
  about: (job: Job) => string
  /** What kind of failure it was, in the page's language; '' where none is known. */
  fault: (job: Job) => string
  /** What becomes of a running job when its page is left or Glassbox stops. */
  leave: (job: Job) => string
} {
  const { t } = useText()
  /** The text of a key, or `otherwise` for kinds and phases that this page does not know. */
  const known = (name: string, otherwise: string, named: Record<string, unknown> = {}): string => {
    const key = name.replaceAll('-', '_')
    const text = t(key, named)
    return text === key ? otherwise : text
  }
  const engine = (name: unknown): string =>
    known(`shell.engine${name === 'postgres' ? 'Postgres' : 'Sqlite'}`, String(name))

  return {
    title: ({ kind, input }) => known(`jobs.kind_${kind}`, kind, { to: engine((input as { to?: string } | null)?.to) }),
    state: ({ state }) => t(`jobs.state_${state}`),
    phase: ({ progress }) => known(`jobs.phase_${progress.phase}`, progress.phase),
    progress({ progress, rate, eta }) {
      const { done, total, unit } = progress
      if (total === null && done === 0) return ''
      const amount = (n: number): string => (unit === 'bytes' ? bytes(n) : exactCount(n))
      const parts = [
        total === null
          ? t(`jobs.done_${unit}`, { n: amount(done) })
          : t(`jobs.doneOf_${unit}`, { n: amount(done), total: amount(total) }),
      ]
      if (rate !== null && rate > 0) parts.push(`${unit === 'bytes' ? bytes(rate) : count(Math.round(rate))}/s`)
      if (eta !== null) parts.push(t('jobs.left', { time: duration(Math.max(1e6, Math.round(eta / 1e6) * 1e6)) }))
      return parts.join(' · ')
    },
    // A switch is what goes on by itself; a backup of a schedule is made up for, the others are asked for again.
    leave: ({ kind }) => t(kind === 'switch' ? 'jobs.leave' : 'jobs.leaveEnds'),
    share: ({ progress: { done, total }, state }) =>
      // All of a phase is not all of the job: it is never said to be done while it runs.
      state === 'done' ? 1 : total === null || total === 0 ? null : Math.min(0.99, done / total),
    about({ kind, input }) {
      const { name, title, target, kind: part } = (input ?? {}) as Record<string, unknown>
      if (kind !== 'backup') return ([title, name].find((one) => typeof one === 'string' && one !== '') as string) ?? ''
      const what = known(`backups.kind_${part}`, '')
      return [what, target === 'local' ? t('backups.local') : String(target ?? '')].filter(Boolean).join(' → ')
    },
    fault: ({ error }) => (error && error.code in en.errors ? t(`errors.${error.code}`) : ''),
    result({ kind, result }) {
      if (result === null || typeof result !== 'object') return ''
      // Counts of a restore stand in an object of their own.
      const { counts, ...facts } = result as Record<string, unknown> & { counts?: object }
      const named = Object.fromEntries(
        Object.entries({ ...facts, ...counts }).map(([key, value]) => [
          key,
          key === 'engine' || key === 'kept' ? engine(value) : typeof value === 'number' ? exactCount(value) : value,
        ]),
      )
      return known(`jobs.result_${kind}`, '', named)
    },
  }
}
