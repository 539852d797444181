import { request } from './client.ts'
import type {
  MetricMetadata,
  PrometheusAnswer,
  PrometheusData,
  ScrapeTarget,
  SeriesExemplars,
  TsdbStatus,
} from './prometheus-shapes.ts'

type Fields = Record<string, string | number | null | undefined>

function form(fields: Fields, lists: Record<string, readonly string[]> = {}): URLSearchParams {
  const all = new URLSearchParams()
  for (const [name, value] of Object.entries(fields))
    if (value !== null && value !== undefined) all.append(name, String(value))
  for (const [name, values] of Object.entries(lists)) for (const value of values) all.append(name, value)
  return all
}

async function post<T>(path: string, body: URLSearchParams, signal?: AbortSignal): Promise<PrometheusAnswer<T>> {
  const response = await request('POST', `/api/v1/${path}`, { form: body, signal })
  return (await response.json()) as PrometheusAnswer<T>
}

async function get<T>(path: string, fields: Fields, signal?: AbortSignal): Promise<PrometheusAnswer<T>> {
  const response = await request('GET', `/api/v1/${path}`, { params: fields, signal })
  return (await response.json()) as PrometheusAnswer<T>
}

/** Times of the page are whole µs, of this api seconds. */
const seconds = (us: number): number => us / 1e6

/** Prometheus' HTTP api of our own core. Every call throws ApiError, also for its error envelope. */
export const prometheus = {
  /** @param limit series at most; the answer warns when there were more */
  query: (query: string, time: number, limit: number, signal?: AbortSignal) =>
    post<PrometheusData>('query', form({ query, time: seconds(time), limit }), signal),
  /** @param step seconds */
  queryRange: (
    query: string,
    range: { start: number; end: number; step: number },
    limit: number,
    signal?: AbortSignal,
  ) =>
    post<PrometheusData>(
      'query_range',
      form({ query, start: seconds(range.start), end: seconds(range.end), step: range.step, limit }),
      signal,
    ),
  parse: (query: string, signal?: AbortSignal) => post<unknown>('parse_query', form({ query }), signal),
  exemplars: (query: string, range: { start: number; end: number }, signal?: AbortSignal) =>
    post<SeriesExemplars[]>(
      'query_exemplars',
      form({ query, start: seconds(range.start), end: seconds(range.end) }),
      signal,
    ),
  labelNames: (selectors: readonly string[], limit: number, signal?: AbortSignal) =>
    post<string[]>('labels', form({ limit }, { 'match[]': selectors }), signal),
  labelValues: (name: string, selector: string | null, limit: number, signal?: AbortSignal) =>
    get<string[]>(`label/${encodeURIComponent(name)}/values`, { limit, 'match[]': selector }, signal),
  series: (selectors: readonly string[], limit: number, signal?: AbortSignal) =>
    post<Record<string, string>[]>('series', form({ limit }, { 'match[]': selectors }), signal),
  metadata: (signal?: AbortSignal) => get<Record<string, MetricMetadata[]>>('metadata', {}, signal),
  targets: (signal?: AbortSignal) => get<{ activeTargets: ScrapeTarget[] }>('targets', { state: 'active' }, signal),
  tsdbStatus: (signal?: AbortSignal) => get<TsdbStatus>('status/tsdb', { limit: 10_000 }, signal),
}
