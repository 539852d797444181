import { z } from 'zod'
import type { RouteContract } from './routes.ts'

const text = z.string()
const time = text.describe('seconds since 1970, or RFC 3339')
const duration = text.describe('seconds, or 1m30s')
const selectors = z.array(text).describe('series selectors')
const limit = text.describe('most items of the answer; 0 = no limit')
const range = { start: time.optional(), end: time.optional() }
const one = { query: text.describe('PromQL'), timeout: duration.optional(), lookback_delta: duration.optional() }
const many = { 'match[]': selectors.optional(), ...range, limit: limit.optional() }
const envelope = (data: string): string => `{ status, data: ${data}, warnings?, infos?, errorType?, error? }`

interface Described {
  summary: string
  query?: z.ZodObject
  params?: z.ZodObject
  data: string
}

/** Both methods of a path; a POST takes the same parameters as a form. */
function both(path: string, { summary, query, data }: Described): RouteContract[] {
  const shared = { path: `/api/v1/${path}`, answer: envelope(data), ...(query ? { query } : {}) }
  return [
    { method: 'GET', summary, ...shared },
    { method: 'POST', summary: `${summary}; parameters in the address or as a form`, ...shared },
  ]
}

function get(path: string, { summary, query, params, data }: Described): RouteContract[] {
  const shared = { ...(query ? { query } : {}), ...(params ? { params } : {}) }
  return [{ method: 'GET', path: `/api/v1/${path}`, summary, answer: envelope(data), ...shared }]
}

/** Prometheus' HTTP API (v1): its parameters, envelope and errors are not ours, so it has its own handlers. */
const list: RouteContract[] = [
  ...both('query', {
    summary: 'PromQL at one time',
    query: z.object({ ...one, time: time.optional(), limit: limit.optional() }),
    data: '{ resultType, result }',
  }),
  ...both('query_range', {
    summary: 'PromQL over a range, both ends inclusive',
    query: z.object({ ...one, start: time, end: time, step: duration, limit: limit.optional() }),
    data: '{ resultType: "matrix", result }',
  }),
  ...both('format_query', { summary: 'PromQL laid out', query: z.object({ query: text }), data: 'string' }),
  ...both('parse_query', { summary: 'PromQL as a tree', query: z.object({ query: text }), data: 'AST' }),
  ...both('series', {
    summary: 'Label sets of series that match',
    query: z.object({ ...many, 'match[]': selectors }),
    data: 'object[]',
  }),
  ...both('labels', { summary: 'Label names', query: z.object(many), data: 'string[]' }),
  ...get('label/{name}/values', {
    summary: 'Values of a label',
    params: z.object({ name: text.describe('a label name, or U__ and its escaped form') }),
    query: z.object(many),
    data: 'string[]',
  }),
  ...get('metadata', {
    summary: 'Type, unit and help of metrics',
    query: z.object({ metric: text.optional(), limit: limit.optional() }),
    data: '{ metric: [{ type, help, unit }] }',
  }),
  ...both('query_exemplars', {
    summary: 'Exemplars of the series in an expression',
    query: z.object({ query: text, ...range }),
    data: '[{ seriesLabels, exemplars }]',
  }),
  ...get('rules', {
    summary: 'Rules; none yet',
    query: z.object({ type: text.describe('alert or record').optional() }),
    data: '{ groups }',
  }),
  ...get('alerts', { summary: 'Alerts; none yet', data: '{ alerts }' }),
  ...get('alertmanagers', { summary: 'Alertmanagers; there are none', data: '{ activeAlertmanagers }' }),
  ...get('targets', {
    summary: 'Scrape targets with their discovered labels and health',
    query: z.object({ state: text.describe('active, dropped or any').optional(), scrapePool: text.optional() }),
    data: '{ activeTargets, droppedTargets }',
  }),
  ...get('targets/metadata', {
    summary: 'What scrape targets say of their metrics',
    query: z.object({
      match_target: text.describe('a selector over labels of targets').optional(),
      metric: text.optional(),
      limit: limit.optional(),
    }),
    data: '[{ target, metric?, type, help, unit }]',
  }),
  ...get('status/buildinfo', { summary: 'The version whose api this is', data: '{ version, revision }' }),
  ...get('status/config', { summary: 'The scrape jobs', data: '{ yaml }' }),
  ...get('status/flags', { summary: 'Lookback and limit of samples', data: 'object' }),
  ...get('status/runtimeinfo', { summary: 'Start, series, retention', data: 'object' }),
  ...get('status/walreplay', { summary: 'A log is never being replayed while this answers', data: 'object' }),
  ...get('status/tsdb', { summary: 'Series by metric', data: 'object' }),
  {
    method: 'POST',
    path: '/api/v1/write',
    summary: 'Prometheus remote write 1.0 and 2.0, snappy; 204, or 400 with the reason when a sample was rejected',
    body: 'raw',
    answer: 'nothing',
  },
]

/** By operation id: `prometheusQueryGet`. */
export const prometheusRoutes: Record<string, RouteContract> = Object.fromEntries(
  list.map((route) => {
    const words = route.path
      .slice('/api/v1/'.length)
      .split(/[^a-z]+/)
      .filter(Boolean)
    const method = route.method === 'GET' ? 'Get' : 'Post'
    return [`prometheus${words.map((word) => word[0].toUpperCase() + word.slice(1)).join('')}${method}`, route]
  }),
)
