import type { Settings } from './config/settings.ts'
import type { OwnLog } from './health/own-log.ts'
import type { TelemetryStore } from './storage/store.ts'

const checkEveryMs = 60_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** Runs retention a minute after the start, then daily (hourly while the clock is doubted), and within a minute of the size cap being passed. */
export function scheduleRetention(store: TelemetryStore, settings: () => Settings, log: OwnLog): { stop(): void } {
  let dueMs = performance.now()
  let running = false

  async function check(): Promise<void> {
    const { retention } = settings()
    const { traces } = await store.stats()
    if (performance.now() < dueMs && traces.bytes <= retention.traces.bytes) return
    dueMs = performance.now() + dayMs
    const removed = await store.runRetention({
      tracesDays: retention.traces.days,
      tracesBytes: retention.traces.bytes,
      logsDays: retention.logs.days,
      metricsDays: retention.metrics.days,
    })
    if (removed.paused) {
      log.warn(`retention removed nothing by age: ${removed.paused}`)
      dueMs = performance.now() + hourMs
    }
    if (removed.spans + removed.logs > 0) {
      log.info(`retention removed ${removed.spans} spans and ${removed.logs} log records, ${removed.bytesFreed} bytes`)
    }
  }

  const timer = setInterval(() => {
    if (running) return
    running = true
    check()
      .catch((error: Error) => {
        log.error(`retention failed: ${error.message}`)
        dueMs = performance.now() + hourMs
      })
      .finally(() => {
        running = false
      })
  }, checkEveryMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
