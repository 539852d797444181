import type {
  Facets,
  FindAnswer,
  Heatmap,
  Histogram,
  HostInfo,
  ImportAnswer,
  LogPatterns,
  Page,
  PipelineAnswer,
  Problem,
  RunComparison,
  SelectionComparison,
  ServiceInfo,
  ServiceRuns,
  SettingInfo,
  SettingsAnswer,
  SettingsImport,
  SpanAnswer,
  StatusAnswer,
  StorageTestStep,
  StorageUsage,
  SwitchRequest,
  TagValue,
  TraceGroups,
  TraceSelection,
  ValuesAnswer,
} from '../../core/api/contract/shapes.ts'
import type { MachineFigures, NodeTrend, ServiceGraph, ServiceHealth, SystemMetrics } from '../../core/model/answers.ts'
import type { Job } from '../../core/model/job.ts'
import type { LogRecord, Trace, TraceSummary } from '../../core/model/records.ts'
import type { ScrapeTrial } from '../../core/model/scrape.ts'
import { type Connection, findConnection } from './connection.ts'
import { requestEnded, requestStarted } from './idle.ts'
import { linesOf } from './lines.ts'

type Params = Record<string, string | number | null | undefined>

/** What went wrong, as the core said it, or as the page found it when no answer came (`status` 0). */
class ApiError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail || problem.title)
    this.name = 'ApiError'
    this.problem = problem
  }
}

/** True for the rejection of a request that its caller aborted. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError'
}

export function toProblem(error: unknown): Problem {
  if (error instanceof ApiError) return error.problem
  const detail = error instanceof Error ? error.message : String(error)
  return { type: 'about:blank', title: '', status: 0, detail, code: 'page_error', hint: '', requestId: '' }
}

let connection: Connection | null = null
let onUnauthorized: () => void = () => {}

export function currentConnection(): Connection {
  connection ??= findConnection()
  return connection
}

export function setToken(token: string): void {
  connection = { ...currentConnection(), token }
}

/** Called when the core refuses the token. */
export function whenUnauthorized(callback: () => void): void {
  onUnauthorized = callback
}

let viewedBundle: string | null = null

/** Telemetry is read from this opened bundle from now on; null = what is stored here. */
export function viewBundle(id: string | null): void {
  viewedBundle = id
}

/** Whether a request is about telemetry, which a bundle has its own of. What the host itself is asked stays the host's. */
const readsTelemetry = (method: string, path: string): boolean =>
  method === 'GET' ||
  path.startsWith('/api/v1/') ||
  path.startsWith('/api/traces/') ||
  path === '/api/sql' ||
  path === '/api/export'

function address(path: string, params: Params): string {
  const url = new URL(currentConnection().api + path)
  for (const [key, value] of Object.entries(params)) {
    if (value !== null && value !== undefined && value !== '') url.searchParams.set(key, String(value))
  }
  return url.href
}

/**
 * One request with the session's token; `body` travels as JSON, `form` as a form, `bytes` as they are.
 * @throws ApiError with the core's problem, or with code `unreachable`; AbortError when `signal` fires.
 */
export async function request(
  method: string,
  path: string,
  options: {
    params?: Params
    body?: unknown
    form?: URLSearchParams
    bytes?: ArrayBuffer | Blob
    signal?: AbortSignal
  } = {},
): Promise<Response> {
  const { token } = currentConnection()
  const headers: Record<string, string> = { accept: 'application/json' }
  if (token) headers['authorization'] = `Bearer ${token}`
  if (viewedBundle !== null && readsTelemetry(method, path) && !path.startsWith('/api/bundles'))
    headers['x-glassbox-bundle'] = viewedBundle
  if (options.body !== undefined) headers['content-type'] = 'application/json'
  if (options.bytes !== undefined) headers['content-type'] = 'application/octet-stream'
  requestStarted()
  try {
    const response = await fetch(address(path, options.params ?? {}), {
      method,
      headers,
      body: options.body === undefined ? (options.form ?? options.bytes) : JSON.stringify(options.body),
      signal: options.signal,
      cache: 'no-store',
    })
    if (response.status === 401) onUnauthorized()
    if (!response.ok) throw new ApiError(await readProblem(response))
    return response
  } catch (error) {
    if (error instanceof ApiError || isAbort(error)) throw error
    throw new ApiError({
      type: 'about:blank',
      title: '',
      status: 0,
      detail: error instanceof Error ? error.message : String(error),
      code: 'unreachable',
      hint: '',
      requestId: '',
    })
  } finally {
    requestEnded()
  }
}

async function readProblem(response: Response): Promise<Problem> {
  const fallback: Problem = {
    type: 'about:blank',
    title: `${response.status} ${response.statusText}`.trim(),
    status: response.status,
    detail: '',
    code: 'http_error',
    hint: '',
    requestId: '',
  }
  try {
    const told = (await response.json()) as Partial<Problem> & { errorType?: string; error?: string }
    // Prometheus' envelope, as /api/v1 answers it.
    if (told.errorType !== undefined)
      return {
        ...fallback,
        title: '',
        code: told.errorType,
        ...told,
        detail: told.error ?? '',
        status: fallback.status,
      }
    return { ...fallback, ...told }
  } catch {
    return fallback
  }
}

async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const response = await request('GET', path, { params, signal })
  return (await response.json()) as T
}

/** Filters of the trace list and its histogram; times and durations are µs. */
export interface TraceParams extends Params {
  start: number
  end: number
  minDuration?: string | number | null
  maxDuration?: string | number | null
  status?: string | null
  service?: string | null
  operation?: string | null
  q?: string | null
  limit?: number
  cursor?: string | null
}

export interface LogParams extends Params {
  start: number
  end: number
  severity?: number | string | null
  service?: string | null
  traceId?: string | null
  spanId?: string | null
  traced?: string | null
  q?: string | null
  limit?: number
  cursor?: string | null
}

type Range = { start?: number; end?: number }
type Signal = 'traces' | 'logs'

/** Every route of the core that the page uses. */
export const api = {
  systemMetrics: (params: { start: number; end: number; host: string | null }, signal?: AbortSignal) =>
    get<SystemMetrics>('/api/system/metrics', params, signal),
  serviceHealth: (params: { start: number; end: number; service: string | null }, signal?: AbortSignal) =>
    get<ServiceHealth>('/api/system/services', params, signal),
  machineFigures: (
    params: { start: number; end: number; host: string; service: string; instance: string },
    signal?: AbortSignal,
  ) => get<MachineFigures>('/api/system/machine', params, signal),
  hosts: async (signal?: AbortSignal) => (await get<{ items: HostInfo[] }>('/api/hosts', {}, signal)).items,
  traces: (params: TraceParams, signal?: AbortSignal) => get<Page<TraceSummary>>('/api/traces', params, signal),
  traceHistogram: (params: TraceParams, buckets: number, signal?: AbortSignal) =>
    get<Histogram>('/api/traces/histogram', { ...params, buckets }, signal),
  traceFacets: (params: TraceParams, signal?: AbortSignal) =>
    get<Facets>('/api/traces/facets', { ...params, values: 50 }, signal),
  traceHeatmap: (params: TraceParams, buckets: number, rows: number, signal?: AbortSignal) =>
    get<Heatmap>('/api/traces/heatmap', { ...params, buckets, rows }, signal),
  traceGroups: (params: TraceParams, by: string, signal?: AbortSignal) =>
    get<TraceGroups>('/api/traces/groups', { ...params, by }, signal),
  compareSelection: (params: TraceParams, area: TraceSelection, signal?: AbortSignal) =>
    get<SelectionComparison>(
      '/api/traces/difference',
      {
        ...params,
        selectionStart: area.start,
        selectionEnd: area.end,
        selectionMinDuration: area.minDuration,
        selectionMaxDuration: area.maxDuration,
      },
      signal,
    ),
  trace: (traceId: string, signal?: AbortSignal) => get<Trace>(`/api/traces/${traceId}`, {}, signal),
  /** Packed columns: core/model/trace-structure.ts. */
  traceStructure: async (traceId: string, signal?: AbortSignal) =>
    (await request('GET', `/api/traces/${traceId}/structure`, { signal })).arrayBuffer(),
  traceSpan: (traceId: string, spanId: string, signal?: AbortSignal) =>
    get<SpanAnswer>(`/api/traces/${traceId}/spans/${spanId}`, {}, signal),
  traceValues: (traceId: string, key: string, signal?: AbortSignal) =>
    get<ValuesAnswer>(`/api/traces/${traceId}/values`, { key }, signal),
  findInTrace: (traceId: string, text: string, signal?: AbortSignal) =>
    get<FindAnswer>(`/api/traces/${traceId}/find`, { text }, signal),
  exportTrace: (traceId: string, format: 'otlp' | 'jaeger' | 'zipkin', signal?: AbortSignal) =>
    request('GET', `/api/traces/${traceId}/export`, { params: { format }, signal }),
  logs: (params: LogParams, signal?: AbortSignal) => get<Page<LogRecord>>('/api/logs', params, signal),
  logHistogram: (params: LogParams, buckets: number, signal?: AbortSignal) =>
    get<Histogram>('/api/logs/histogram', { ...params, buckets }, signal),
  logFacets: (params: LogParams, signal?: AbortSignal) =>
    get<Facets>('/api/logs/facets', { ...params, values: 50 }, signal),
  logPatterns: (params: LogParams, signal?: AbortSignal) => get<LogPatterns>('/api/logs/patterns', params, signal),
  services: async (range: Range, signal?: AbortSignal) =>
    (await get<{ items: ServiceInfo[] }>('/api/services', range, signal)).items,
  serviceGraph: (range: Range, signal?: AbortSignal) => get<ServiceGraph>('/api/services/graph', range, signal),
  nodeTrend: (node: string, range: Range, signal?: AbortSignal) =>
    get<NodeTrend>('/api/services/graph/node', { node, ...range }, signal),
  serviceRuns: (service: string, { start, end }: Range, signal?: AbortSignal) =>
    get<ServiceRuns>('/api/services/runs', { service, start, end }, signal),
  serviceRunDifference: (service: string, before: string, after: string, { start, end }: Range, signal?: AbortSignal) =>
    get<RunComparison>('/api/services/runs/difference', { service, before, after, start, end }, signal),
  operations: async (service: string | null, signal?: AbortSignal) =>
    (await get<{ items: TagValue[] }>('/api/services/operations', { service }, signal)).items,
  tagKeys: async (of: Signal, signal?: AbortSignal) =>
    (await get<{ items: TagValue[] }>('/api/tags', { signal: of }, signal)).items,
  tagValues: async (of: Signal, key: string, prefix: string, signal?: AbortSignal) =>
    (
      await get<{ items: TagValue[] }>(
        `/api/tags/${encodeURIComponent(key)}/values`,
        { signal: of, prefix, limit: 50 },
        signal,
      )
    ).items,
  pipeline: (signal?: AbortSignal) => get<PipelineAnswer>('/api/pipeline', {}, signal),
  status: (signal?: AbortSignal) => get<StatusAnswer>('/api/status', {}, signal),
  settings: (signal?: AbortSignal) => get<SettingsAnswer>('/api/settings', {}, signal),
  changeSettings: async (changes: Record<string, unknown>) => {
    const response = await request('PATCH', '/api/settings', { body: changes })
    return (await response.json()) as SettingsAnswer
  },
  settingCatalogue: async (signal?: AbortSignal) =>
    (await get<{ items: SettingInfo[] }>('/api/settings/schema', {}, signal)).items,
  exportSettings: (all: boolean) => request('GET', '/api/settings/export', { params: { all: String(all) } }),
  importSettings: async (yaml: string, apply: boolean) =>
    (await (await request('POST', '/api/settings/import', { body: { yaml, apply } })).json()) as SettingsImport,
  /** A file of telemetry; the browser streams it from the disk. */
  importFile: async (file: File) =>
    (await (await request('POST', '/api/import', { params: { name: file.name }, bytes: file })).json()) as ImportAnswer,
  uploadBackup: async (file: File) =>
    (await (await request('POST', '/api/backups/upload', { params: { name: file.name }, bytes: file })).json()) as {
      target: string
      name: string
    },
  /** At once, without a job. */
  exportNow: (params: Params) => request('GET', '/api/export', { params }),
  startExport: async (body: object) => (await (await request('POST', '/api/export', { body })).json()) as Job,
  exportedFile: (jobId: string) => request('GET', `/api/export/${jobId}/file`),
  jobs: (signal?: AbortSignal) => get<Page<Job>>('/api/jobs', {}, signal),
  job: (id: string, signal?: AbortSignal) => get<Job>(`/api/jobs/${id}`, {}, signal),
  cancelJob: async (id: string) => (await (await request('POST', `/api/jobs/${id}/cancel`)).json()) as Job,
  storageUsage: (signal?: AbortSignal) => get<StorageUsage>('/api/storage/usage', {}, signal),
  /** Tests a connection; `onStep` hears of each step as it ends. */
  testStorage: async (url: string, signal: AbortSignal, onStep: (step: StorageTestStep) => void) => {
    const body = { engine: 'postgres', url, live: true }
    const response = await request('POST', '/api/storage/test', { body, signal })
    for await (const line of linesOf(response)) {
      const read = line as StorageTestStep | { ok: boolean }
      if (!('name' in read)) return read.ok
      onStep(read)
    }
    return false
  },
  /** Scrapes every target of the job once; nothing is stored. */
  testScrapeJob: async (job: object, signal: AbortSignal) =>
    (await (await request('POST', '/api/scrape/test', { body: { job }, signal })).json()) as ScrapeTrial,
  switchStorage: async (body: SwitchRequest) =>
    (await (await request('POST', '/api/storage/switch', { body })).json()) as Job,
  compactStorage: async () => (await (await request('POST', '/api/storage/compact', { body: {} })).json()) as Job,
  deleteOldStorage: async () => (await (await request('POST', '/api/storage/delete-old', { body: {} })).json()) as Job,
  sendTestTrace: async () => {
    const response = await request('POST', '/api/test-trace', { body: {} })
    return (await response.json()) as { traceId?: string }
  },
}
