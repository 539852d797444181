import type { FastifyRequest } from 'fastify'
import { GlassboxError } from '../../base/errors.ts'
import { scrapeConfigYaml } from '../../collectors/scrape/prometheus-config.ts'
import { matcherTest } from '../../model/label-regex.ts'
import { parseSelector } from '../../query/promql/syntax/parser.ts'
import type { QueryContext } from '../../storage/query-context.ts'
import type { ApiServices } from '../services.ts'
import { ofParameter, type PrometheusParameters } from './prometheus-parameters.ts'

/** The version whose api this is; Grafana chooses features by it. */
const API_VERSION = '3.4.0'

export interface Asked {
  parameters: PrometheusParameters
  request: FastifyRequest
  context: QueryContext
}

export interface Answered {
  data?: unknown
  /** In place of `data`: its JSON in UTF-8, an object. */
  json?: Uint8Array
  /** Goes into `json`. */
  stats?: object
  warnings?: string[]
  infos?: string[]
}

/** `path` below /api/v1; `both` is GET and POST. */
export type PrometheusRoute = [
  path: string,
  method: 'get' | 'both',
  handler: (asked: Asked) => Promise<Answered> | Answered,
]

export const MOST_ITEMS = 200_000

/** Of metadata; 0 means none there, as in Prometheus. @throws GlassboxError `bad_request` */
export function metadataLimit(parameters: PrometheusParameters): number {
  const text = parameters.text('limit')
  if (text === null) return MOST_ITEMS
  if (!/^[+-]?\d+$/.test(text)) throw new GlassboxError('bad_request', 'limit must be a number')
  return Number(text) < 0 ? MOST_ITEMS : Math.min(MOST_ITEMS, Number(text))
}

/** What Prometheus' api says of the server itself: rules, targets, status. */
export function statusRoutes(services: ApiServices): PrometheusRoute[] {
  return [
    [
      'rules',
      'get',
      ({ parameters }) => {
        const type = (parameters.text('type') ?? '').toLowerCase()
        if (!['', 'alert', 'record'].includes(type))
          throw new GlassboxError('bad_request', `invalid parameter "type": not supported value "${type}"`)
        return { data: { groups: [] } }
      },
    ],
    ['alerts', 'get', () => ({ data: { alerts: [] } })],
    ['alertmanagers', 'get', () => ({ data: { activeAlertmanagers: [], droppedAlertmanagers: [] } })],
    [
      'targets',
      'get',
      async ({ parameters }) => {
        const { activeTargets, droppedTargets } = await services.scrapeTargets()
        const state = (parameters.text('state') ?? 'any').toLowerCase()
        const pool = parameters.text('scrapePool')
        const wanted = <T extends { scrapePool: string }>(list: T[], shown: string): T[] =>
          state === 'any' || state === shown ? list.filter((one) => pool === null || one.scrapePool === pool) : []
        return {
          data: {
            activeTargets: wanted(activeTargets, 'active'),
            droppedTargets: wanted(droppedTargets, 'dropped'),
          },
        }
      },
    ],
    [
      'targets/metadata',
      'get',
      async ({ parameters }) => {
        const limit = metadataLimit(parameters)
        const metric = parameters.text('metric')
        const wanted = parameters.text('match_target')
        const tests = (wanted === null ? [] : ofParameter('match_target', () => parseSelector(wanted))).map(
          (matcher) => ({ name: matcher.name, test: matcherTest(matcher) }),
        )
        const found = (await services.scrapeMetadata(metric))
          .filter(({ target }) => tests.every(({ name, test }) => test(target[name] ?? '')))
          .flatMap(({ target, metadata }) =>
            metadata.map((one) => ({
              target,
              ...(metric === null ? { metric: one.metric } : {}),
              type: one.type,
              help: one.help,
              unit: one.unit,
            })),
          )
        return { data: found.slice(0, limit) }
      },
    ],
    ['status/walreplay', 'get', () => ({ data: { min: 0, max: 0, current: 0 } })],
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
    ['status/config', 'get', () => ({ data: { yaml: scrapeConfigYaml(services.settingsNow().collectors.scrape) } })],
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
            headStats: {
              numSeries: stats.series,
              numLabelPairs: stats.labelPairs ?? 0,
              chunkCount: stats.headSamples,
              minTime: stats.firstTime ?? 0,
              maxTime: stats.lastTime ?? 0,
            },
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
