import type { JobKind } from '../jobs/job-kind.ts'
import type { TelemetryStore } from '../storage/store.ts'

/** Merges small blocks now instead of in quiet moments; not while telemetry moves. */
export function compactJob(store: Pick<TelemetryStore, 'compact' | 'stats'>): JobKind<null, null> {
  return {
    kind: 'compact',
    exclusive: 'storage',
    resumable: false,
    async run({ signal, progress, log }) {
      const before = await store.stats()
      // Each step leaves fewer blocks: after so many all that there were are merged, whatever arrives meanwhile.
      const most = before.traces.blocks + before.logsSize.blocks
      const told = (steps: number): void => progress({ phase: 'compact', done: steps, total: null, unit: 'steps' })
      told(0)
      await store.compact((steps) => {
        signal.throwIfAborted()
        told(steps)
        return steps < most
      })
      const after = await store.stats()
      const blocks = after.traces.blocks + after.logsSize.blocks
      log(`${most} blocks became ${blocks}; ${before.fileBytes} bytes on disk became ${after.fileBytes}.`)
      return { before: before.fileBytes, after: after.fileBytes }
    },
  }
}
