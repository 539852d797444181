import type { HostInfo } from '../model/answers.ts'
import type { Matcher, SeriesSamples } from '../model/series.ts'
import type { MetricReader } from '../storage/metric-store.ts'
import type { QueryContext } from '../storage/store.ts'

/** What tells that a host is there; the last is there for hosts that something else reports. */
const NAMES = [
  'glassbox_collector_info',
  'glassbox_collector_interval_seconds',
  'glassbox_collector_unreadable',
  'system_uptime_seconds',
]
const MINUTE_MS = 60_000
/** Looked back over in turn, until every host was found: most report every few seconds. */
const WINDOWS_MS = [10 * MINUTE_MS, 120 * MINUTE_MS, 2 * 1440 * MINUTE_MS, 400 * 1440 * MINUTE_MS]
const LEAST_OFFLINE_MS = 30_000
const ROUNDS_MISSED = 3
const MOST_HOSTS = 10_000
const MOST_SAMPLES = 20_000_000

/** Machines with host metrics, by name. @param nowMs whole ms since the epoch */
export async function listHosts(reader: MetricReader, nowMs: number, context: QueryContext): Promise<HostInfo[]> {
  const names: Matcher = { name: '__name__', op: '=~', value: NAMES.join('|') }
  const everything = { start: 0, end: nowMs + 10 * MINUTE_MS }
  const known = await reader.labelValues('instance', [[names]], everything, MOST_HOSTS, context)
  const found: HostInfo[] = []
  let missing = known.filter((name) => name !== '')
  for (const window of WINDOWS_MS) {
    if (missing.length === 0) break
    const some = missing.map((name) => name.replaceAll(/[\\.+*?^$|(){}[\]]/g, '\\$&')).join('|')
    const matchers: Matcher[] = [names, { name: 'instance', op: '=~', value: some }]
    const { series } = await reader.select(
      { matchers, start: nowMs - window, end: everything.end, step: 0, func: null, maxSamples: MOST_SAMPLES },
      context,
    )
    const byHost = new Map<string, SeriesSamples[]>()
    for (const one of series) {
      const host = labelOf(one, 'instance')
      const list = byHost.get(host)
      if (list) list.push(one)
      else byHost.set(host, [one])
    }
    for (const [name, list] of byHost) found.push(describe(name, list, nowMs))
    missing = missing.filter((name) => !byHost.has(name))
  }
  return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function describe(name: string, series: SeriesSamples[], nowMs: number): HostInfo {
  const newest = (metric: string): SeriesSamples | null =>
    series.filter((one) => labelOf(one, '__name__') === metric).sort((a, b) => lastTime(b) - lastTime(a))[0] ?? null
  const lastMs = Math.max(...series.map(lastTime))
  const info = newest('glassbox_collector_info')
  const interval = newest('glassbox_collector_interval_seconds')
  const intervalMs = (interval?.values.at(-1) ?? 0) * 1000
  return {
    name,
    lastSeen: lastMs * 1000,
    online: nowMs - lastMs <= Math.max(LEAST_OFFLINE_MS, ROUNDS_MISSED * intervalMs),
    version: info && labelOf(info, 'version'),
    os: info && labelOf(info, 'os'),
    arch: info && labelOf(info, 'arch'),
    interval: interval && intervalMs * 1000,
    unreadable: series
      .filter((one) => labelOf(one, '__name__') === 'glassbox_collector_unreadable')
      // One that was not reported in the last round is of the past.
      .filter((one) => one.values.at(-1) === 1 && lastTime(one) >= lastMs)
      .map((one) => ({ what: labelOf(one, 'what'), why: labelOf(one, 'why') })),
  }
}

function labelOf({ labels }: SeriesSamples, name: string): string {
  return labels.find(([key]) => key === name)?.[1] ?? ''
}

function lastTime({ times }: SeriesSamples): number {
  return times.at(-1) ?? 0
}
