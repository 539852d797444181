import type { ServiceInfo, StorageUsage } from '../model/answers.ts'

/** What an engine itself knows of its bytes. */
export type EngineUsage = Omit<StorageUsage, 'services' | 'growthPerDay' | 'capReachedAt'>

const DAY_US = 86_400e6

/**
 * The account with the times of samples that are in memory; what they take is counted by the log.
 * @param head ms of the oldest and newest of them
 */
export function withHeadTimes(usage: EngineUsage, head: { first: number; last: number } | null): EngineUsage {
  if (!head) return usage
  const signals = usage.signals.map((one) =>
    one.signal === 'metrics'
      ? {
          ...one,
          oldest: Math.min(one.oldest ?? Number.POSITIVE_INFINITY, head.first * 1000),
          newest: Math.max(one.newest ?? Number.NEGATIVE_INFINITY, head.last * 1000),
        }
      : one,
  )
  return { ...usage, signals }
}
const AVERAGED_DAYS = 7

/**
 * The whole account of a store.
 * @param services of all time
 * @param capBytes `retention.traces.bytes`
 */
export function storageUsage(
  usage: EngineUsage,
  services: ServiceInfo[],
  { nowUs, capBytes }: { nowUs: number; capBytes: number },
): StorageUsage {
  const of = (signal: 'traces' | 'logs' | 'metrics') =>
    usage.signals.find((one) => one.signal === signal) ?? { rows: 0, bytes: 0 }
  const share = (rows: number, { rows: all, bytes }: { rows: number; bytes: number }): number =>
    all === 0 ? 0 : (rows / all) * bytes
  return {
    ...usage,
    services: services
      .map(({ service, spans, logs }) => ({
        service,
        spans,
        logs,
        bytes: Math.round(share(spans, of('traces')) + share(logs, of('logs'))),
      }))
      .sort((a, b) => b.bytes - a.bytes || (a.service < b.service ? -1 : 1)),
    growthPerDay: growth(usage.days, nowUs),
    capReachedAt: capReached(usage, nowUs, capBytes),
  }
}

/** Bytes a day, the average of the last days that are over; null when none of them brought anything. */
function growth(days: EngineUsage['days'], nowUs: number): number | null {
  const today = Math.floor(nowUs / DAY_US)
  const over = days.filter(({ day }) => day < today && day >= today - AVERAGED_DAYS)
  if (over.length === 0) return null
  const first = Math.min(...over.map(({ day }) => day))
  return Math.round(over.reduce((sum, { bytes }) => sum + bytes, 0) / (today - first))
}

/** Traces alone have a cap. */
function capReached({ days }: EngineUsage, nowUs: number, capBytes: number): number | null {
  const traces = days.filter(({ signal }) => signal === 'traces')
  const pace = growth(traces, nowUs)
  const left = capBytes - traces.reduce((sum, { bytes }) => sum + bytes, 0)
  if (pace === null || pace <= 0) return null
  return left <= 0 ? nowUs : Math.round(nowUs + (left / pace) * DAY_US)
}
