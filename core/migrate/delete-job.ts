import { GlassboxError } from '../base/errors.ts'
import type { JobKind } from '../jobs/job-kind.ts'
import type { SwitchParts } from './switch-job.ts'

/** Deletes what the engine not in use still holds: the old data after a switch. */
export function deleteOldJob(parts: Pick<SwitchParts, 'engines' | 'settings'>): JobKind<null, null> {
  return {
    kind: 'delete-old',
    exclusive: 'storage',
    resumable: false,
    async run(job) {
      const { engine, postgresUrl } = parts.settings.now().storage
      const old = engine === 'sqlite' ? 'postgres' : 'sqlite'
      if (old === 'postgres' && postgresUrl === '') {
        throw new GlassboxError('bad_request', 'no Postgres address is saved', 'Nothing is left to delete.')
      }
      const store = await parts.engines.open({ engine: old, postgresUrl })
      try {
        job.progress({ phase: 'delete', done: 0, total: null, unit: 'rows' })
        const removed = await store.clear()
        job.log(`Deleted ${removed.spans} spans and ${removed.logs} log records from ${old}.`)
        return { engine: old, ...removed }
      } finally {
        await parts.engines.close(store)
      }
    },
  }
}
