import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { GlassboxError } from '../../base/errors.ts'
import type { MetricMetadata } from '../../model/series.ts'
import type { PromqlAnswer } from '../../query/promql/answer.ts'
import { formatQuery, parseQuery } from '../../query/promql/parse-query.ts'
import type { QueryContext } from '../../storage/query-context.ts'
import { prometheusRoutes } from '../contract/prometheus-routes.ts'
import { toGlassboxError } from '../problem.ts'
import type { ApiServices } from '../services.ts'
import { errorEnvelope, labelsData, valueData, valueText } from './prometheus-answer.ts'
import { labelFromPath, PrometheusParameters } from './prometheus-parameters.ts'
import { registerRemoteWrite } from './remote-write.ts'

/** Prometheus' limit on points of a range query. */
const MOST_POINTS = 11_000
const MOST_ITEMS = 200_000
const MOST_FORM_BYTES = 4 * 1024 * 1024
/** The version whose api this is; Grafana chooses features by it. */
const API_VERSION = '3.4.0'

interface Asked {
  parameters: PrometheusParameters
  request: FastifyRequest
  context: QueryContext
}

type Answered = { data: unknown; warnings?: string[]; infos?: string[] }

/** Prometheus' HTTP API (v1), for Grafana and promtool. Answers have its envelope, not ours. */
export function registerPrometheus(app: FastifyInstance, services: ApiServices): void {
  app.register(async (child) => {
    child.removeAllContentTypeParsers()
    child.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: MOST_FORM_BYTES },
      (_request, body, done) => done(null, body),
    )
    child.setErrorHandler((error, _request, reply) => {
      const known = toGlassboxError(error)
      if (known.code === 'internal') services.log.error({ err: error }, 'a Prometheus request failed')
      const { status, body } = errorEnvelope(known)
      if (status === 503) reply.header('retry-after', '1')
      reply.code(status).header('cache-control', 'no-store').send(body)
    })
    for (const [path, method, handler] of routes(services)) {
      checkContract(path, method)
      child.route({
        method: method === 'both' ? ['GET', 'POST'] : 'GET',
        url: `/api/v1/${path}`,
        handler: async (request, reply) => {
          const answer = await handler({
            parameters: new PrometheusParameters(
              request.url.split('?', 2)[1] ?? '',
              typeof request.body === 'string' ? request.body : '',
            ),
            request,
            context: { signal: goneSignal(reply) },
          })
          reply.header('cache-control', 'no-store')
          return { status: 'success', ...answer }
        },
      })
    }
  })
  app.get('/-/healthy', async () => 'Glassbox is Healthy.\n')
  app.get('/-/ready', async () => 'Glassbox is Ready.\n')
  registerRemoteWrite(app, services)
}

/** Every route stands in the contract, and so in OpenAPI. @throws Error for one that does not: ours to correct */
function checkContract(path: string, method: 'get' | 'both'): void {
  const whole = `/api/v1/${path.replaceAll(/:(\w+)/g, '{$1}')}`
  const methods = Object.values(prometheusRoutes).filter((route) => route.path === whole)
  if (methods.length !== (method === 'both' ? 2 : 1)) throw new Error(`${whole} is not in the contract`)
}

function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.on('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return gone.signal
}

type Route = [path: string, method: 'get' | 'both', handler: (asked: Asked) => Promise<Answered> | Answered]

function routes(services: ApiServices): Route[] {
  const now = (): number => Math.floor(services.clock.nowUs() / 1000)
  const range = (parameters: PrometheusParameters) => {
    const start = parameters.time('start') ?? 0
    const end = parameters.time('end') ?? Number.MAX_SAFE_INTEGER
    if (end < start)
      throw new GlassboxError('bad_request', 'invalid parameter "end": end timestamp must not be before start')
    return { start, end }
  }
  return [
    [
      'query',
      'both',
      async ({ parameters, context }) => {
        const time = parameters.time('time') ?? now()
        const answer = await services.promql.instant(parameters.required('query'), time, {
          ...limits(parameters, context),
        })
        return queryAnswer(answer, parameters.limit())
      },
    ],
    [
      'query_range',
      'both',
      async ({ parameters, context }) => {
        const query = parameters.required('query')
        const start = parameters.time('start') ?? missing('start')
        const end = parameters.time('end') ?? missing('end')
        const step = parameters.duration('step') ?? missing('step')
        if (end < start)
          throw new GlassboxError('bad_request', 'invalid parameter "end": end timestamp must not be before start time')
        if (step <= 0)
          throw new GlassboxError(
            'bad_request',
            'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer',
          )
        if ((end - start) / step > MOST_POINTS)
          throw new GlassboxError(
            'bad_request',
            'exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)',
          )
        const answer = await services.promql.range(query, start, end, step, limits(parameters, context))
        return queryAnswer(answer, parameters.limit())
      },
    ],
    ['format_query', 'both', ({ parameters }) => ({ data: formatQuery(parameters.required('query')) })],
    ['parse_query', 'both', ({ parameters }) => ({ data: parseQuery(parameters.required('query')) })],
    [
      'series',
      'both',
      async ({ parameters, context }) => {
        const selectors = parameters.selectors()
        if (selectors.length === 0) throw new GlassboxError('bad_request', 'no match[] parameter provided')
        const found = await services.store.metrics.series(selectors, range(parameters), most(parameters), context)
        return limited(found.map(labelsData), parameters.limit())
      },
    ],
    [
      'labels',
      'both',
      async ({ parameters, context }) =>
        limited(
          await services.store.metrics.labelNames(parameters.selectors(), range(parameters), most(parameters), context),
          parameters.limit(),
        ),
    ],
    [
      'label/:name/values',
      'get',
      async ({ parameters, request, context }) => {
        const name = labelFromPath((request.params as { name: string }).name)
        const found = await services.store.metrics.labelValues(
          name,
          parameters.selectors(),
          range(parameters),
          most(parameters),
          context,
        )
        return limited(found, parameters.limit())
      },
    ],
    [
      'metadata',
      'get',
      async ({ parameters, context }) => {
        const limit = parameters.limit()
        const list = await services.store.metrics.metadata(parameters.text('metric'), limit || MOST_ITEMS, context)
        return { data: Object.fromEntries(list.map((one) => [one.metric, [metadataOf(one)]])) }
      },
    ],
    [
      'query_exemplars',
      'both',
      async ({ parameters, context }) => {
        const { start, end } = range(parameters)
        const selectors = exemplarSelectors(parameters.required('query'))
        const found = await services.store.metrics.exemplars(selectors, { start, end }, context)
        return {
          data: found.map(({ series, exemplars }) => ({
            seriesLabels: labelsData(series),
            exemplars: exemplars.map(({ labels, value, time }) => ({
              labels: labelsData(labels),
              value: valueText(value),
              timestamp: time / 1000,
            })),
          })),
        }
      },
    ],
    ['rules', 'get', () => ({ data: { groups: [] } })],
    ['alerts', 'get', () => ({ data: { alerts: [] } })],
    ['alertmanagers', 'get', () => ({ data: { activeAlertmanagers: [], droppedAlertmanagers: [] } })],
    ['targets', 'get', async () => ({ data: await services.scrapeTargets() })],
    ['targets/metadata', 'get', () => ({ data: [] })],
    [
      'status/buildinfo',
      'get',
      () => ({
        data: {
          version: API_VERSION,
          revision: `glassbox-${services.version}`,
          branch: '',
          buildUser: '',
          buildDate: '',
          goVersion: '',
        },
      }),
    ],
    ['status/config', 'get', () => ({ data: { yaml: '' } })],
    ['status/flags', 'get', () => ({ data: { 'query.lookback-delta': '5m', 'query.max-samples': '50000000' } })],
    [
      'status/runtimeinfo',
      'get',
      async () => {
        const stats = await services.store.metrics.metricStats()
        const { retention } = services.settingsNow()
        return {
          data: {
            startTime: new Date(services.pipelineState().startedAt / 1000).toISOString(),
            CWD: '',
            reloadConfigSuccess: true,
            lastConfigTime: new Date(services.pipelineState().startedAt / 1000).toISOString(),
            timeSeriesCount: stats.series,
            corruptionCount: 0,
            goroutineCount: 0,
            GOMAXPROCS: 0,
            storageRetention: `${retention.metrics.days}d`,
          },
        }
      },
    ],
    [
      'status/tsdb',
      'get',
      async ({ parameters }) => {
        const stats = await services.store.metrics.metricStats()
        const limit = parameters.limit() || 10
        return {
          data: {
            headStats: { numSeries: stats.series, chunkCount: stats.headSamples, minTime: 0, maxTime: now() },
            seriesCountByMetricName: stats.topMetrics
              .slice(0, limit)
              .map(({ metric, series }) => ({ name: metric, value: series })),
            labelValueCountByLabelName: (stats.topLabels ?? [])
              .slice(0, limit)
              .map(({ name, values }) => ({ name, value: values })),
            memoryInBytesByLabelName: [],
            seriesCountByLabelValuePair: (stats.topPairs ?? [])
              .slice(0, limit)
              .map(({ name, value, series }) => ({ name: `${name}=${value}`, value: series })),
          },
        }
      },
    ],
  ]
}

function missing(name: string): never {
  throw new GlassboxError('bad_request', `invalid parameter "${name}": cannot parse "" to a valid value`)
}

function limits(parameters: PrometheusParameters, context: QueryContext) {
  const timeoutMs = parameters.duration('timeout')
  const lookbackMs = parameters.duration('lookback_delta')
  return {
    ...context,
    ...(timeoutMs && timeoutMs > 0 ? { timeoutMs } : {}),
    ...(lookbackMs && lookbackMs > 0 ? { lookbackMs } : {}),
  }
}

/** One more than asked for tells that there is more. */
function most(parameters: PrometheusParameters): number {
  const limit = parameters.limit()
  return limit === 0 ? MOST_ITEMS : Math.min(MOST_ITEMS, limit + 1)
}

function limited<T>(items: T[], limit: number): Answered {
  if (limit === 0 || items.length <= limit) return { data: items }
  return { data: items.slice(0, limit), warnings: ['results truncated due to limit'] }
}

function queryAnswer(answer: PromqlAnswer, limit: number): Answered {
  const data = valueData(answer.value)
  const warnings = [...answer.warnings]
  const infos = [...answer.infos]
  if (answer.downsampled) infos.push('5-minute aggregates stand in for samples older than two days')
  if (limit > 0 && Array.isArray(data.result) && answer.value.type !== 'scalar' && answer.value.type !== 'string') {
    if (data.result.length > limit) {
      data.result = data.result.slice(0, limit)
      warnings.push('results truncated due to limit')
    }
  }
  return {
    data,
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(infos.length > 0 ? { infos } : {}),
  }
}

function metadataOf({ type, help, unit }: MetricMetadata): object {
  return { type, help, unit }
}

/** The selectors inside an expression: Grafana asks for exemplars with the panel's whole query. */
function exemplarSelectors(query: string): ReturnType<PrometheusParameters['selectors']> {
  const found: string[] = []
  collectSelectors(parseQuery(query), found)
  return new PrometheusParameters(found.map((text) => `match[]=${encodeURIComponent(text)}`).join('&'), '').selectors()
}

/** Walks the tree of `parse_query` for vector selectors and writes each as text again. */
function collectSelectors(node: unknown, into: string[]): void {
  if (node === null || typeof node !== 'object') return
  const { type, matchers } = node as { type?: unknown; matchers?: unknown }
  if ((type === 'vectorSelector' || type === 'matrixSelector') && Array.isArray(matchers)) {
    const parts = (matchers as { name: string; type: string; value: string }[]).map(
      ({ name, type: op, value }) => `${JSON.stringify(name)}${op}${JSON.stringify(value)}`,
    )
    into.push(`{${parts.join(',')}}`)
    return
  }
  for (const child of Object.values(node)) collectSelectors(child, into)
}
