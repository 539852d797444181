import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import type { IntakeReport, LiveMessage, PipelineAnswer, StorageStats } from '../../../core/api/contract/shapes.ts'
import type { Job } from '../../../core/model/job.ts'
import type { LogRecord, TraceSummary } from '../../../core/model/records.ts'
import { currentConnection } from '../../api/client.ts'
import { type LiveConnection, openLive } from '../../api/live.ts'

const HISTORY = 60

export interface LiveStatus {
  pipeline: PipelineAnswer
  storage: StorageStats
  intake: IntakeReport
}

type Listener<T> = (items: T[], skipped: number) => void

/** The one WebSocket: the core's status each second, and live tails for the screens that ask for them. */
export const useLive = defineStore('live', () => {
  const status = shallowRef<LiveStatus | null>(null)
  /** Spans per second of the last minute, oldest first. */
  const rates = shallowRef<number[]>([])
  const open = ref(false)
  const stale = ref(false)
  /** ms since 1970. */
  const lastSign = ref(Date.now())
  const retryAt = ref<number | null>(null)
  const version = ref('')
  const missed = ref(0)
  const traceListeners = new Set<Listener<TraceSummary>>()
  const jobListeners = new Set<(jobs: Job[]) => void>()
  const logListeners = new Set<Listener<LogRecord>>()
  let connection: LiveConnection | null = null

  const hasData = computed(() => {
    const now = status.value
    if (!now) return null
    const { traces, logs } = now.pipeline
    return now.storage.spans + now.storage.logs + traces.stored + logs.stored > 0
  })

  function take(message: LiveMessage): void {
    if (message.type === 'hello') version.value = message.data.version
    else if (message.type === 'status') {
      status.value = message.data
      rates.value = [...rates.value.slice(1 - HISTORY), message.data.pipeline.glassbox.spansPerSecond]
    } else if (message.type === 'traces') {
      for (const listener of traceListeners) listener(message.data.items, message.data.skipped)
    } else if (message.type === 'logs') {
      for (const listener of logListeners) listener(message.data.items, message.data.skipped)
    } else if (message.type === 'jobs') {
      for (const listener of jobListeners) listener(message.data.items)
    } else if (message.type === 'missed') missed.value += message.data.messages
  }

  function sendWishes(): void {
    connection?.follow({ traces: traceListeners.size > 0, logs: logListeners.size > 0 })
  }

  function start(): void {
    connection?.close()
    connection = openLive(currentConnection(), {
      message: take,
      state: (state) => {
        open.value = state.open
        stale.value = state.stale
        lastSign.value = state.lastSign
        retryAt.value = state.retryAt
      },
    })
    sendWishes()
  }

  /** Follows new traces until the answered function is called. */
  function followTraces(listener: Listener<TraceSummary>): () => void {
    traceListeners.add(listener)
    sendWishes()
    return () => {
      traceListeners.delete(listener)
      sendWishes()
    }
  }

  /** Follows new log records until the answered function is called. */
  function followLogs(listener: Listener<LogRecord>): () => void {
    logListeners.add(listener)
    sendWishes()
    return () => {
      logListeners.delete(listener)
      sendWishes()
    }
  }

  /** Hears of jobs that changed until the answered function is called. */
  function followJobs(listener: (jobs: Job[]) => void): () => void {
    jobListeners.add(listener)
    return () => jobListeners.delete(listener)
  }

  return {
    status,
    rates,
    open,
    stale,
    lastSign,
    retryAt,
    version,
    missed,
    hasData,
    start,
    retryNow: () => connection?.retryNow(),
    followTraces,
    followLogs,
    followJobs,
  }
})
