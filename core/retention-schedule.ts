import type { Settings } from './config/settings.ts'
import type { OwnLog } from './health/own-log.ts'
import type { TelemetryStore } from './storage/store.ts'

const checkEveryMs = 60_000
const dayMs = 86_400_000

/** Runs retention a minute after the start, then daily, and within a minute of the size cap being passed. */
export function scheduleRetention(store: TelemetryStore, settings: () => Settings, log: OwnLog): { stop(): void } {
  let dueMs = performance.now()
  let running = false

  async function check(): Promise<void> {
    const { retention } = settings()
    const { fileBytes } = await store.stats()
    if (performance.now() < dueMs && fileBytes <= retention.traces.bytes) return
    dueMs = performance.now() + dayMs
    const removed = await store.runRetention({
      tracesDays: retention.traces.days,
      tracesBytes: retention.traces.bytes,
      logsDays: retention.logs.days,
    })
    if (removed.paused) log.warn(`retention removed nothing: ${removed.paused}`)
    else if (removed.spans + removed.logs > 0) {
      log.info(`retention removed ${removed.spans} spans and ${removed.logs} log records, ${removed.bytesFreed} bytes`)
    }
  }

  const timer = setInterval(() => {
    if (running) return
    running = true
    check()
      .catch((error: Error) => log.error(`retention failed: ${error.message}`))
      .finally(() => {
        running = false
      })
  }, checkEveryMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
