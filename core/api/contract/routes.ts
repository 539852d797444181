import { z } from 'zod'
import { EXPORT_FORMATS, EXPORT_SIGNALS } from '../../model/export.ts'
import { backupRoutes } from './backups.ts'
import { boardRoutes } from './boards.ts'
import { bundleRoutes } from './bundles.ts'
import { count, duration, severity, spanId, time, traceId } from './parameters.ts'
import { pinRoutes } from './pins.ts'
import type { RouteContract } from './route-contract.ts'

export type { RouteContract } from './route-contract.ts'

const range = { start: time.optional(), end: time.optional() }
const paging = { limit: count(1000, 100), cursor: z.string().max(4096).optional() }
const words = z.string().max(1024).optional()
const filterText = z.string().default('').describe('filter such as http.status_code>=500 user.id="42"')
const traceSearch = {
  ...range,
  minDuration: duration.optional(),
  maxDuration: duration.optional(),
  status: z.enum(['ok', 'error']).optional(),
  service: words,
  operation: words,
  q: filterText,
  ...paging,
}
const logSearch = {
  ...range,
  severity: severity.optional(),
  service: words,
  traceId: traceId.optional(),
  spanId: spanId.optional(),
  traced: z.enum(['true', 'false']).optional().describe('only records that belong to a trace, or to none'),
  q: filterText,
  ...paging,
}
const exportQuery = z.strictObject({
  signal: z.enum(EXPORT_SIGNALS).default('traces'),
  format: z.enum(EXPORT_FORMATS).default('otlp'),
  ...range,
  minDuration: duration.optional(),
  maxDuration: duration.optional(),
  status: z.enum(['ok', 'error']).optional(),
  service: words,
  operation: words,
  severity: severity.optional(),
  traceId: traceId.optional(),
  q: z.string().default('').describe('filter of traces or logs; a PromQL selector for metrics'),
})
const values = count(200, 10)
const signal = z.enum(['traces', 'logs']).default('traces')
const buckets = count(500, 60)
const jobId = z.string().max(64)
const byTrace = z.strictObject({ traceId })

export const routes = {
  systemMetrics: {
    method: 'GET',
    path: '/api/system/metrics',
    summary: 'Host and runtime series for the System screen; the last hour when no time is given',
    query: z.strictObject({ ...range, range: duration.default(3600e6), host: z.string().max(1024).optional() }),
    answer: 'SystemMetrics',
  },
  serviceHealth: {
    method: 'GET',
    path: '/api/system/services',
    summary: 'Latency, errors and rate of services, P99 against what is usual, lines of one or of all together',
    query: z.strictObject({ ...range, range: duration.default(3600e6), service: words }),
    answer: 'ServiceHealth',
  },
  machineFigures: {
    method: 'GET',
    path: '/api/system/machine',
    summary: 'CPU, memory, event loop and garbage collection of one machine and process, as sampled, for the inspector',
    query: z.strictObject({
      start: time,
      end: time,
      host: words.describe('host.name of the resource'),
      service: words.describe('service.name, after service.namespace and a slash where it has one'),
      instance: words.describe('service.instance.id'),
    }),
    answer: 'MachineFigures',
  },
  hosts: {
    method: 'GET',
    path: '/api/hosts',
    summary: 'Machines that report host metrics, with when they were last seen and what they cannot read',
    answer: '{ items: HostInfo[] }',
  },
  searchTraces: {
    method: 'GET',
    path: '/api/traces',
    summary: 'Trace summaries, newest first; the last hour when no time is given',
    query: z.strictObject({ ...traceSearch, sort: z.enum(['start', 'duration']).default('start') }),
    answer: 'Page of TraceSummary',
  },
  traceHistogram: {
    method: 'GET',
    path: '/api/traces/histogram',
    summary: 'How many traces started in each bucket of time, failed ones apart',
    query: z.strictObject({ ...traceSearch, buckets }),
    answer: 'Histogram',
  },
  traceFacets: {
    method: 'GET',
    path: '/api/traces/facets',
    summary: 'How many of the traces found have a span with each value of the frequent keys',
    query: z.strictObject({ ...traceSearch, values }),
    answer: 'Facets',
  },
  traceHeatmap: {
    method: 'GET',
    path: '/api/traces/heatmap',
    summary: 'How many of the traces found lie in each cell of start and duration',
    query: z.strictObject({ ...traceSearch, buckets, rows: count(60, 20) }),
    answer: 'Heatmap',
  },
  traceGroups: {
    method: 'GET',
    path: '/api/traces/groups',
    summary: 'The traces found by service or operation of the root, or by any attribute: count, errors, percentiles',
    query: z.strictObject({ ...traceSearch, by: z.string().min(1).max(1024).default('operation') }),
    answer: 'TraceGroups',
  },
  compareSelection: {
    method: 'GET',
    path: '/api/traces/difference',
    summary: 'What sets those of the traces found that lie in a selection of start and duration apart from the others',
    query: z.strictObject({
      ...traceSearch,
      selectionStart: time,
      selectionEnd: time,
      selectionMinDuration: duration.optional(),
      selectionMaxDuration: duration.optional(),
    }),
    answer: 'SelectionComparison',
  },
  trace: {
    method: 'GET',
    path: '/api/traces/{traceId}',
    summary: 'One whole trace with its logs',
    params: byTrace,
    answer: 'Trace',
  },
  traceStructure: {
    method: 'GET',
    path: '/api/traces/{traceId}/structure',
    summary: 'Structure, times and names of one trace in columns (core/model/trace-structure.ts)',
    params: byTrace,
    answer: 'packed TraceStructure',
  },
  traceSpan: {
    method: 'GET',
    path: '/api/traces/{traceId}/spans/{spanId}',
    summary: 'Everything known of the spans of a trace with this id, and their logs',
    params: z.strictObject({ traceId, spanId }),
    answer: 'SpanAnswer',
  },
  traceValues: {
    method: 'GET',
    path: '/api/traces/{traceId}/values',
    summary: 'One attribute of every span of a trace',
    params: byTrace,
    query: z.strictObject({ key: z.string().min(1).max(1024) }),
    answer: 'ValuesAnswer',
  },
  findInTrace: {
    method: 'GET',
    path: '/api/traces/{traceId}/find',
    summary: 'Which spans of a trace hold this text',
    params: byTrace,
    query: z.strictObject({ text: z.string().min(1).max(1024) }),
    answer: 'FindAnswer',
  },
  exportTrace: {
    method: 'GET',
    path: '/api/traces/{traceId}/export',
    summary: 'One trace as a file',
    params: byTrace,
    query: z.strictObject({ format: z.enum(['otlp', 'jaeger', 'zipkin']).default('otlp') }),
    answer: 'JSON file',
  },
  exportTelemetry: {
    method: 'GET',
    path: '/api/export',
    summary:
      'The result of a search, or a time range, as a file that is written while it is read: whole traces, log records, or samples of the series that `q` selects',
    query: exportQuery,
    answer: 'file',
  },
  startExport: {
    method: 'POST',
    path: '/api/export',
    summary: 'The same as a job: with progress, and a file to fetch when it is done, kept for a day',
    body: exportQuery,
    answer: 'Job',
  },
  exportedFile: {
    method: 'GET',
    path: '/api/export/{id}/file',
    summary: 'The file of an export job',
    params: z.strictObject({ id: z.string().max(64) }),
    answer: 'file',
  },
  searchLogs: {
    method: 'GET',
    path: '/api/logs',
    summary: 'Log records, newest first; the last hour when no time is given',
    query: z.strictObject(logSearch),
    answer: 'Page of LogRecord',
  },
  logHistogram: {
    method: 'GET',
    path: '/api/logs/histogram',
    summary: 'How many log records lie in each bucket of time, by severity',
    query: z.strictObject({ ...logSearch, buckets }),
    answer: 'Histogram',
  },
  logFacets: {
    method: 'GET',
    path: '/api/logs/facets',
    summary: 'How many of the log records found have each value of the frequent keys',
    query: z.strictObject({ ...logSearch, values }),
    answer: 'Facets',
  },
  logPatterns: {
    method: 'GET',
    path: '/api/logs/patterns',
    summary: 'The log records found, folded by message pattern',
    query: z.strictObject(logSearch),
    answer: 'LogPatterns',
  },
  services: {
    method: 'GET',
    path: '/api/services',
    summary: 'Services that sent telemetry',
    query: z.strictObject(range),
    answer: '{ items: ServiceInfo[] }',
  },
  serviceGraph: {
    method: 'GET',
    path: '/api/services/graph',
    summary: 'Which services call which, with calls, errors and latency; the last hour when no time is given',
    query: z.strictObject(range),
    answer: 'ServiceGraph',
  },
  nodeTrend: {
    method: 'GET',
    path: '/api/services/graph/node',
    summary: 'Calls, errors and P95 of one node of the map over time; the last hour when no time is given',
    query: z.strictObject({
      ...range,
      node: z.string().min(1).max(2048).describe('id of a node of the graph'),
      buckets,
    }),
    answer: 'NodeTrend',
  },
  serviceRuns: {
    method: 'GET',
    path: '/api/services/runs',
    summary: 'Every start of a service, by instance or version, latest first; the last hour when no time is given',
    query: z.strictObject({ ...range, service: z.string().min(1).max(1024) }),
    answer: 'ServiceRuns',
  },
  serviceRunDifference: {
    method: 'GET',
    path: '/api/services/runs/difference',
    summary: 'What is new, gone, slower or failing in one run of a service compared with another',
    query: z.strictObject({
      ...range,
      service: z.string().min(1).max(1024),
      before: z.string().min(1).max(1024).describe('id of a run'),
      after: z.string().min(1).max(1024).describe('id of a run'),
    }),
    answer: 'RunComparison',
  },
  operations: {
    method: 'GET',
    path: '/api/services/operations',
    summary: 'Span names, of one service or of all',
    query: z.strictObject({ service: words }),
    answer: '{ items: TagValue[] }',
  },
  tagKeys: {
    method: 'GET',
    path: '/api/tags',
    summary: 'Attribute keys, most frequent first',
    query: z.strictObject({ signal }),
    answer: '{ items: TagValue[] }',
  },
  tagValues: {
    method: 'GET',
    path: '/api/tags/{key}/values',
    summary: 'Values of an attribute, for autocompletion',
    params: z.strictObject({ key: z.string().min(1).max(1024) }),
    query: z.strictObject({ signal, prefix: z.string().max(1024).default(''), limit: count(1000, 100) }),
    answer: '{ items: TagValue[] }',
  },
  pipeline: {
    method: 'GET',
    path: '/api/pipeline',
    summary: 'The ledger: what became of all that was received',
    answer: 'PipelineAnswer',
  },
  status: { method: 'GET', path: '/api/status', summary: 'Where to send, and how the host is', answer: 'StatusAnswer' },
  settings: {
    method: 'GET',
    path: '/api/settings',
    summary: 'Every setting with its default and source',
    answer: 'SettingsAnswer',
  },
  changeSettings: {
    method: 'PATCH',
    path: '/api/settings',
    summary: 'Changes settings by dotted key, all or none; null is the way back to the default',
    body: z.record(z.string(), z.unknown()),
    answer: 'SettingsAnswer',
  },
  settingCatalogue: {
    method: 'GET',
    path: '/api/settings/schema',
    summary: 'What every setting is: kind, bounds, choices, unit, help, and whether it takes a restart',
    answer: '{ items: SettingInfo[] }',
  },
  exportSettings: {
    method: 'GET',
    path: '/api/settings/export',
    summary: 'Settings as YAML: those changed from their default, or all; without passwords',
    query: z.strictObject({ all: z.enum(['true', 'false']).default('false') }),
    answer: 'YAML file',
  },
  importSettings: {
    method: 'POST',
    path: '/api/settings/import',
    summary: 'What a YAML file of settings would change, and with `apply` changes it, all or nothing',
    body: z.strictObject({ yaml: z.string().max(1_000_000), apply: z.boolean().default(false) }),
    answer: 'SettingsImport',
  },
  sql: {
    method: 'POST',
    path: '/api/sql',
    summary: 'One read-only SELECT over _traces, _logs and _metrics',
    body: z.strictObject({ query: z.string().min(1).max(100_000), limit: z.int().min(1).max(10_000).default(1000) }),
    answer: 'SqlResult',
  },
  testScrapeJob: {
    method: 'POST',
    path: '/api/scrape/test',
    summary: 'Scrapes every target of a job once, as the setting collectors.scrape.jobs has it; stores nothing',
    body: z.strictObject({ job: z.record(z.string(), z.unknown()) }),
    answer: '{ targets: [{ url, labels, health, error, samples, ms }], dropped: [{ labels, why }], problems }',
  },
  testStorage: {
    method: 'POST',
    path: '/api/storage/test',
    summary: 'Tries, step by step, whether telemetry can be stored in this Postgres; leaves nothing behind',
    body: z.strictObject({
      engine: z.literal('postgres').default('postgres'),
      url: z.string().max(4096).default(''),
      live: z.boolean().default(false),
    }),
    answer:
      '{ ok, steps: [{ name, ok, ms, note, code, error, detail, hint }] }; with `live` each step as a line of JSON, then { ok }',
  },
  storageUsage: {
    method: 'GET',
    path: '/api/storage/usage',
    summary: 'Where the bytes are: by signal, day and service, index, WAL and waste, and how fast they grow',
    answer: 'StorageUsage',
  },
  switchStorage: {
    method: 'POST',
    path: '/api/storage/switch',
    summary:
      'Moves this host to the other engine while telemetry keeps arriving; `sqlite:` is the file of the data directory',
    body: z.strictObject({
      url: z.string().min(1).max(4096),
      move: z
        .union([z.enum(['settings', 'all']), z.strictObject({ since: z.union([time, z.number()]) })])
        .default('all'),
      existing: z.enum(['refuse', 'keep', 'delete']).default('refuse'),
    }),
    answer: 'Job',
  },
  deleteOldStorage: {
    method: 'POST',
    path: '/api/storage/delete-old',
    summary: 'Deletes the traces and logs that the engine not in use still holds',
    body: z.strictObject({}).default({}),
    answer: 'Job',
  },
  compactStorage: {
    method: 'POST',
    path: '/api/storage/compact',
    summary: 'Merges small blocks of telemetry and gives free space back to the disk, as quiet moments do; a job',
    body: z.strictObject({}).default({}),
    answer: 'Job',
  },
  jobs: {
    method: 'GET',
    path: '/api/jobs',
    summary: 'Long work, newest first: what runs, and what came of what ran',
    answer: 'Page of Job',
  },
  job: {
    method: 'GET',
    path: '/api/jobs/{id}',
    summary: 'One job with its log',
    params: z.strictObject({ id: jobId }),
    answer: 'Job',
  },
  cancelJob: {
    method: 'POST',
    path: '/api/jobs/{id}/cancel',
    summary: 'Asks a job to put back what it did and end',
    params: z.strictObject({ id: jobId }),
    answer: 'Job',
  },
  importFile: {
    method: 'POST',
    path: '/api/import',
    summary:
      'Takes in a file: OTLP JSON, JSON lines or protobuf, Jaeger JSON, Zipkin v2 JSON, Prometheus text, OpenMetrics',
    query: z.strictObject({
      name: z.string().max(1024).default('import'),
      size: z
        .string()
        .regex(/^\d{1,15}$/, 'is no count of bytes')
        .transform(Number)
        .optional()
        .describe('bytes of the file, where the request has no length'),
    }),
    body: 'raw',
    answer: 'ImportAnswer',
  },
  sendTestTrace: {
    method: 'POST',
    path: '/api/test-trace',
    summary: 'Sends a small trace with a log record through the pipeline',
    answer: '{ traceId }',
  },
  ...backupRoutes,
  ...boardRoutes,
  ...bundleRoutes,
  ...pinRoutes,
  openapi: { method: 'GET', path: '/api/openapi.json', summary: 'This document', answer: 'OpenAPI 3.1' },
  healthz: { method: 'GET', path: '/healthz', summary: 'The process answers', answer: '{ status }', open: true },
  readyz: {
    method: 'GET',
    path: '/readyz',
    summary: 'Telemetry can be taken and kept',
    answer: '{ status }',
    open: true,
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: "Glassbox's own metrics for Prometheus",
    answer: 'text',
    open: true,
  },
} as const satisfies Record<string, RouteContract>

export type RouteName = keyof typeof routes
type Output<C, K extends string> = C extends { [key in K]: z.ZodType<infer T> } ? T : undefined
export type QueryOf<N extends RouteName> = Output<(typeof routes)[N], 'query'>
export type ParamsOf<N extends RouteName> = Output<(typeof routes)[N], 'params'>
export type BodyOf<N extends RouteName> = Output<(typeof routes)[N], 'body'>
