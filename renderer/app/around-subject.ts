/** A point of a chart, a log line, a span, a node of the map or a run: what one may want to see around it. */
export interface AroundSubject {
  /** How a person calls it. */
  what: string
  /** Its own time, µs; `end` is `start` for a moment. */
  start: number
  end: number
  /** Nothing before and after it is shown. */
  exact?: boolean
  service: string | null
  /** `host.name` */
  host: string | null
  /** Writes into the address what Back must lead to; for what is not in it already. */
  remember?: () => Promise<unknown> | undefined
}

export type AroundPlace = 'traces' | 'errors' | 'logs' | 'hostLogs' | 'system' | 'metrics' | 'map'

/** Before and after a moment; what lasts has half its length, within bounds. µs */
const MINUTE_US = 60e6
const LEAST_US = 30e6
const MOST_US = 15 * MINUTE_US

/** The stretch that is shown around it. */
export function aroundRange({ start, end, exact }: AroundSubject): { start: number; end: number } {
  if (exact) return { start: Math.floor(start), end: Math.ceil(end) }
  const margin = end > start ? Math.min(MOST_US, Math.max(LEAST_US, (end - start) / 2)) : MINUTE_US
  return { start: Math.floor(start - margin), end: Math.ceil(end + margin) }
}

interface AroundChoice {
  place: AroundPlace
  path: string
  query: Record<string, string>
}

/** Where the menu leads: only places that this subject says something about. */
export function aroundPlaces(subject: AroundSubject): AroundChoice[] {
  const { start, end } = aroundRange(subject)
  const range = { start: String(start), end: String(end) }
  const { service, host } = subject
  const own: Record<string, string> = service === null ? {} : { service }
  const places: AroundChoice[] = [
    { place: 'traces', path: '/traces', query: { ...range, ...own } },
    { place: 'errors', path: '/traces', query: { ...range, ...own, status: 'error' } },
    { place: 'logs', path: '/logs', query: { ...range, ...own } },
  ]
  if (host !== null)
    places.push({
      place: 'hostLogs',
      path: '/logs',
      query: { ...range, traced: 'false', q: `host.name=${JSON.stringify(host)}` },
    })
  const at = String(Math.round((subject.start + subject.end) / 2))
  places.push({ place: 'system', path: '/system', query: { ...range, ...own, ...(host === null ? {} : { host }), at } })
  if (service !== null) {
    const selector = `{service_name=${JSON.stringify(service)}}`
    const expr = `histogram_quantile(0.95, sum by (le) (rate(traces_service_duration_seconds_bucket${selector}[1m])))`
    places.push({ place: 'metrics', path: '/metrics', query: { ...range, expr } })
  }
  places.push({ place: 'map', path: '/map', query: { ...range, ...(service === null ? {} : { sel: service }) } })
  return places
}
