import type { ScrapeJob } from '../../config/settings.ts'
import type { LabelMap, Relabeller } from './relabel.ts'

/** Targets that one source of discovery names together. */
export interface TargetGroup {
  /** Tells groups of one job apart; a later group of the same source takes its place. */
  source: string
  /** `host:port`, or a whole address, which sets scheme, path and parameters too. */
  targets: string[]
  /** Of all targets of the group, `__meta_…` among them. */
  labels: Record<string, string>
}

/** One target as it is scraped. */
export interface Target {
  /** Labels before relabelling, for people. */
  discovered: Record<string, string>
  /** What its samples get. */
  labels: Record<string, string>
  url: string
  intervalMs: number
  timeoutMs: number
}

export interface JobDefaults {
  intervalMs: number
  timeoutMs: number
}

/**
 * One discovered address as a target: labels of the job, of its group, then relabelling (Prometheus' order).
 * @returns `target` null when relabelling dropped it or it cannot be scraped, with the reason
 */
export function targetOf(
  address: string,
  group: TargetGroup,
  job: ScrapeJob,
  defaults: JobDefaults,
  relabeller: Relabeller,
): { discovered: Record<string, string>; target: Target | null; why: string } {
  const intervalMs = job.intervalMs ?? defaults.intervalMs
  const timeoutMs = Math.min(job.timeoutMs ?? defaults.timeoutMs, intervalMs)
  const labels: LabelMap = new Map([
    ...addressLabels(address),
    ...Object.entries(group.labels).filter(([, value]) => value !== ''),
  ])
  const fallback: [string, string][] = [
    ['job', job.job],
    ['__scheme__', job.scheme],
    ['__metrics_path__', job.metricsPath],
    ['__scrape_interval__', durationText(intervalMs)],
    ['__scrape_timeout__', durationText(timeoutMs)],
    ...Object.entries(job.params).map(([name, values]): [string, string] => [`__param_${name}`, values[0] ?? '']),
  ]
  for (const [name, value] of fallback) if (!labels.has(name) && value !== '') labels.set(name, value)
  const discovered = Object.fromEntries(labels)
  if (!relabeller.apply(labels)) return { discovered, target: null, why: '' }
  const take = (name: string): string => labels.get(name) ?? ''
  if (take('__address__') === '') return { discovered, target: null, why: 'it has no address' }
  if (!labels.has('instance')) labels.set('instance', take('__address__'))
  const url = URL.parse(`${take('__scheme__')}://${take('__address__')}${slashed(take('__metrics_path__'))}`)
  if (!url || !/^https?:$/.test(url.protocol) || url.host === '')
    return { discovered, target: null, why: `${JSON.stringify(take('__address__'))} is no address` }
  for (const [name, values] of Object.entries(job.params))
    for (const one of values.slice(1)) url.searchParams.append(name, one)
  for (const [name, value] of labels)
    if (name.startsWith('__param_')) url.searchParams.append(name.slice('__param_'.length), value)
  const wantedInterval = duration(take('__scrape_interval__'))
  const wantedTimeout = duration(take('__scrape_timeout__'))
  if (wantedInterval === null || wantedTimeout === null)
    return { discovered, target: null, why: 'its interval or timeout is no duration' }
  return {
    discovered,
    why: '',
    target: {
      discovered,
      labels: Object.fromEntries([...labels].filter(([name]) => !name.startsWith('__')).sort(byName)),
      url: url.href,
      intervalMs: wantedInterval,
      timeoutMs: Math.min(wantedTimeout, wantedInterval),
    },
  }
}

const byName = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1)

function addressLabels(address: string): [string, string][] {
  const url = address.includes('://') ? URL.parse(address) : null
  if (!url) return [['__address__', address]]
  const out: [string, string][] = [
    ['__address__', url.host],
    ['__scheme__', url.protocol.slice(0, -1)],
  ]
  if (url.pathname !== '/') out.push(['__metrics_path__', url.pathname])
  for (const [name, value] of url.searchParams) out.push([`__param_${name}`, value])
  return out
}

function slashed(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

const UNITS = [
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const

/** `1m30s`, as Prometheus writes durations. */
export function durationText(ms: number): string {
  let rest = ms
  return UNITS.map(([unit, size]) => {
    const count = Math.floor(rest / size)
    rest -= count * size
    return count > 0 ? `${count}${unit}` : ''
  }).join('')
}

function duration(text: string): number | null {
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text)?.slice(1)
  const ms = parts?.reduce((sum, count, i) => sum + Number(count ?? 0) * UNITS[i][1], 0) ?? 0
  return ms >= 100 ? ms : null
}
