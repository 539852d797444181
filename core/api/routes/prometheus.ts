import type { FastifyInstance, FastifyReply } from 'fastify'
import { GlassboxError } from '../../base/errors.ts'
import type { MetricMetadata } from '../../model/series.ts'
import type { PromqlJson } from '../../query/promql/answer.ts'
import { formatQuery, parseQuery } from '../../query/promql/parse-query.ts'
import { valueText } from '../../query/promql/value-json.ts'
import type { QueryContext } from '../../storage/query-context.ts'
import { bundleServices } from '../bundle-view.ts'
import { prometheusRoutes } from '../contract/prometheus-routes.ts'
import { toGlassboxError } from '../problem.ts'
import type { ApiServices } from '../services.ts'
import { errorEnvelope, labelsData } from './prometheus-answer.ts'
import { labelFromPath, namingParameter, ofParameter, PrometheusParameters } from './prometheus-parameters.ts'
import { type Answered, MOST_ITEMS, metadataLimit, type PrometheusRoute, statusRoutes } from './prometheus-status.ts'
import { registerRemoteWrite } from './remote-write.ts'

/** Prometheus' limit on points of a range query. */
const MOST_POINTS = 11_000
const MOST_FORM_BYTES = 4 * 1024 * 1024
/** Prometheus' HTTP API (v1), for Grafana and promtool. Answers have its envelope, not ours. */
export function registerPrometheus(app: FastifyInstance, services: ApiServices): void {
  app.register(async (child) => {
    child.removeAllContentTypeParsers()
    child.addContentTypeParser(
      'application/x-www-form-urlencoded',
      { parseAs: 'string', bodyLimit: MOST_FORM_BYTES },
      (_request, body, done) => done(null, body),
    )
    // A body of another kind is no form: the parameters of the address count.
    child.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MOST_FORM_BYTES }, (_request, _body, done) =>
      done(null, ''),
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
          const asked = await bundleServices(services, request, 'prometheus')
          const answering = asked === services ? handler : handlerOf(asked, path)
          const answer = await answering({
            parameters: new PrometheusParameters(
              request.url.split('?', 2)[1] ?? '',
              typeof request.body === 'string' ? request.body : '',
            ),
            request,
            context: { signal: goneSignal(reply) },
          })
          reply.header('cache-control', 'no-store')
          if (!answer.json) return { status: 'success', ...answer }
          return reply.type('application/json; charset=utf-8').send(successText(answer.json, answer))
        },
      })
    }
  })
  app.get('/-/healthy', async () => 'Glassbox is Healthy.\n')
  app.get('/-/ready', async () => 'Glassbox is Ready.\n')
  registerRemoteWrite(app, services)
}

/** The same route as it answers from other services. */
function handlerOf(services: ApiServices, path: string): PrometheusRoute[2] {
  const route = routes(services).find(([name]) => name === path)
  if (!route) throw new Error(`there is no route ${path}`)
  return route[2]
}

const SUCCESS = Buffer.from('{"status":"success","data":')

/** The envelope around `data` that is JSON already; `stats` go into it. */
function successText(json: Uint8Array, { stats, warnings, infos }: Answered): Buffer {
  const parts: Uint8Array[] = [SUCCESS]
  if (stats) parts.push(json.subarray(0, -1), Buffer.from(`,"stats":${JSON.stringify(stats)}}`))
  else parts.push(json)
  // Without its brace; nothing to say leaves that alone.
  const told = JSON.stringify({ warnings, infos }).slice(1)
  parts.push(Buffer.from(told === '}' ? told : `,${told}`))
  return Buffer.concat(parts)
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

function routes(services: ApiServices): PrometheusRoute[] {
  const now = (): number => Math.floor(services.clock.nowUs() / 1000)
  const range = (parameters: PrometheusParameters) => {
    const start = parameters.time('start') ?? 0
    const end = parameters.time('end') ?? Number.MAX_SAFE_INTEGER
    return { start, end }
  }
  return [
    [
      'query',
      'both',
      async ({ parameters, context }) => {
        const time = parameters.time('time') ?? now()
        const limit = parameters.limit()
        const asked = limits(parameters, context)
        const began = services.clock.monotonicMs()
        const query = { query: parameters.query(), start: time, end: time, step: 0, limit }
        const answer = await services.promql.json(query, asked).catch((error) => {
          throw namingParameter('query', error)
        })
        return queryAnswer(answer, parameters, services.clock.monotonicMs() - began)
      },
    ],
    [
      'query_range',
      'both',
      async ({ parameters, context }) => {
        const query = parameters.query()
        const start = parameters.requiredTime('start')
        const end = parameters.requiredTime('end')
        if (end < start)
          throw new GlassboxError('bad_request', 'invalid parameter "end": end timestamp must not be before start time')
        const step = parameters.requiredDuration('step')
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
        const limit = parameters.limit()
        const asked = limits(parameters, context)
        const began = services.clock.monotonicMs()
        const answer = await services.promql.json({ query, start, end, step, limit }, asked)
        return queryAnswer(answer, parameters, services.clock.monotonicMs() - began)
      },
    ],
    [
      'format_query',
      'both',
      ({ parameters }) => ({ data: ofParameter('query', () => formatQuery(parameters.query())) }),
    ],
    ['parse_query', 'both', ({ parameters }) => ({ data: ofParameter('query', () => parseQuery(parameters.query())) })],
    [
      'series',
      'both',
      async ({ parameters, context }) => {
        const selectors = ofParameter('match[]', () => parameters.selectors())
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
        const limit = metadataLimit(parameters)
        const list = await services.store.metrics.metadata(parameters.text('metric'), limit, context)
        return { data: Object.fromEntries(list.map((one) => [one.metric, [metadataOf(one)]])) }
      },
    ],
    [
      'query_exemplars',
      'both',
      async ({ parameters, context }) => {
        const { start, end } = range(parameters)
        if (end < start) throw new GlassboxError('bad_request', 'end timestamp must not be before start timestamp')
        const selectors = exemplarSelectors(parameters.query())
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
    ...statusRoutes(services),
  ]
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

function queryAnswer(answer: PromqlJson, parameters: PrometheusParameters, ms: number): Answered {
  const warnings = [...answer.warnings]
  const infos = [...answer.infos]
  if (answer.downsampled) infos.push('5-minute aggregates stand in for samples older than two days')
  if (answer.truncated) warnings.push('results truncated due to limit')
  return {
    json: answer.data,
    ...(parameters.text('stats') === null ? {} : { stats: statsOf(answer, ms) }),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(infos.length > 0 ? { infos } : {}),
  }
}

/** What a query cost: the time on its thread and in its queue, and the samples it read. */
function statsOf({ samplesRead }: PromqlJson, ms: number): object {
  const seconds = ms / 1000
  return {
    timings: {
      evalTotalTime: seconds,
      resultSortTime: 0,
      queryPreparationTime: 0,
      innerEvalTime: seconds,
      execQueueTime: 0,
      execTotalTime: seconds,
    },
    samples: { totalQueryableSamples: samplesRead, peakSamples: samplesRead },
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
