import { execFile } from 'node:child_process'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { compressSync } from 'snappy'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ApiAnswer, askApi, difference } from '../fixtures/prometheus/compare-answers.ts'
import { GrafanaDataSource, goSeconds } from '../fixtures/prometheus/grafana.ts'
import { QUESTIONS } from '../fixtures/prometheus/questions.ts'
import { randomPromql } from '../fixtures/prometheus/random-promql.ts'
import { programOnPath, type RealPrometheus, startPrometheus } from '../fixtures/prometheus/real-prometheus.ts'
import { type SameMetrics, sameMetrics } from '../fixtures/prometheus/same-metrics.ts'
import { bytes, double, message, varint } from '../fixtures/protobuf-fields.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

/** Beside a real Prometheus (2.42 or later), where one is installed; without it every test here says why it was skipped. */
const installed = programOnPath('prometheus') !== null && programOnPath('promtool') !== null
const SEED = Number(process.env['GLASSBOX_SEED'] ?? 20_261_130)
const EXPRESSIONS = process.env['GLASSBOX_LONG'] ? 2000 : 120

const run = promisify(execFile)
let prometheus: RealPrometheus
let host: RunningHost
let data: SameMetrics
let target: { address: string; close(): void }

/** What both scrape. */
const PAGE = `# HELP shop_orders Orders taken.
# TYPE shop_orders counter
shop_orders_total{kind="new"} 17 # {trace_id="abc"} 1.5
shop_orders_total{kind="old",place="mars"} 3
# TYPE shop_wait_seconds histogram
# UNIT shop_wait_seconds seconds
# HELP shop_wait_seconds How long "people" wait.\\nTruly.
shop_wait_seconds_bucket{le="0.5"} 1
shop_wait_seconds_bucket{le="1.0"} 2 # {trace_id="def"} 0.7
shop_wait_seconds_bucket{le="+Inf"} 3
shop_wait_seconds_sum 4.5
shop_wait_seconds_count 3
# TYPE shop_open gauge
shop_open 1
# EOF
`

beforeEach((context) => {
  if (!installed) context.skip('prometheus and promtool are not on the PATH')
})
beforeAll(async () => {
  if (!installed) return
  target = await listen((_request, response) => {
    response.setHeader('content-type', 'application/openmetrics-text; version=1.0.0; charset=utf-8')
    response.end(PAGE)
  })
  const rule = `relabel_configs: [{source_labels: [zone], target_label: place, replacement: "at-$1"}]`
  ;[prometheus, host] = await Promise.all([
    startPrometheus(
      `global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- {job_name: shop, static_configs: [{targets: ["${target.address}"], labels: {zone: a}}], ${rule}}\n- {job_name: gone, static_configs: [{targets: ["127.0.0.1:9"]}]}\n`,
    ),
    startTestHost({
      'collectors.scrape.jobs': [
        {
          job: 'shop',
          intervalMs: 1000,
          timeoutMs: 1000,
          static: [{ targets: [target.address], labels: { zone: 'a' } }],
          relabel: [{ sourceLabels: ['zone'], targetLabel: 'place', replacement: 'at-$1' }],
        },
        { job: 'gone', intervalMs: 1000, timeoutMs: 1000, static: [{ targets: ['127.0.0.1:9'] }] },
      ],
    }),
  ])
  data = sameMetrics()
  for (const { url, token } of both())
    for (const body of data.bodies) {
      const headers = { ...data.headers, ...(token ? { authorization: `Bearer ${token}` } : {}) }
      const answer = await fetch(`${url}/api/v1/write`, { method: 'POST', headers, body: new Uint8Array(body) })
      expect([answer.status, await answer.text()]).toEqual([204, ''])
    }
  for (const one of both()) while (countOf(await askApi(one, 'query?query=up')) < 2);
})
afterAll(async () => {
  await Promise.all([prometheus?.stop(), host?.stop()])
  target?.close()
})

async function listen(answer: RequestListener): Promise<{ address: string; close(): void }> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const both = (): { url: string; token?: string }[] => [{ url: prometheus.url }, { url: host.api, token: host.token }]
const countOf = ({ body }: { body: unknown }): number => (body as { data: { result: unknown[] } }).data.result.length

async function compare(path: string, form?: string, pick = (body: unknown): unknown => body): Promise<string[]> {
  const [theirs, ours] = await Promise.all(both().map((one) => askApi(one, path, form)))
  const found = difference(
    { status: theirs.status, body: pick(theirs.body) },
    { status: ours.status, body: pick(ours.body) },
  )
  return found ? [`${decodeURIComponent(path)} ${form ?? ''} ${found}`] : []
}

describe('beside a real Prometheus', () => {
  it('answers every request of the api alike', async () => {
    const at = (text: string): string => text.replaceAll('$S', String(end() - 1500)).replaceAll('$E', String(end()))
    const found: string[] = []
    for (const question of QUESTIONS) {
      const [path, form] = typeof question === 'string' ? [question] : question
      found.push(...(await compare(at(path), form && at(form))))
    }
    expect(found).toEqual([])
  })

  it(`evaluates ${EXPRESSIONS} generated expressions alike (GLASSBOX_SEED=${SEED})`, { timeout: 600_000 }, async () => {
    const found: string[] = []
    for (const expression of randomPromql(SEED, EXPRESSIONS)) {
      const query = encodeURIComponent(expression)
      found.push(...(await compare(`query?query=${query}&time=${end() - 400}`)))
      found.push(...(await compare(`query_range?query=${query}&start=${end() - 1500}&end=${end()}&step=45`)))
    }
    expect(found).toEqual([])
  })

  it('scrapes the same series, metadata and exemplars, and shows the same targets', async () => {
    const found: string[] = []
    const shop = encodeURIComponent(
      '{job="shop",__name__!~"scrape_.*|http.*|gaps|odd|latency.*|temp.*|same|info|limits"}',
    )
    found.push(...(await compare(`series?match[]=${shop}&start=${data.end / 1000 + 30}`)))
    for (const query of [
      shop,
      'up',
      'shop_orders_total * 2',
      'scrape_samples_scraped',
      'scrape_samples_post_metric_relabeling',
    ])
      found.push(...(await compare(`query?query=${query}`, undefined, withoutTimes)))
    for (const path of ['metadata', 'targets/metadata']) found.push(...(await compare(path, undefined, bySeriesName)))
    for (const path of [
      'metadata?metric=shop_wait_seconds',
      'targets/metadata?metric=shop_wait_seconds',
      'targets/metadata?match_target=%7Bjob=%22gone%22%7D',
    ])
      found.push(...(await compare(path)))
    found.push(...(await compare('query_exemplars?query=shop_orders_total', undefined, withoutTimes)))
    for (const state of ['', '?state=active', '?state=dropped'])
      found.push(...(await compare(`targets${state}`, undefined, withoutScrapeTimes)))
    expect(found).toEqual([])
  })

  it.each(['POST', 'GET'] as const)('answers Grafana, whose data source is set to %s', async (method) => {
    const [theirs, ours] = both().map((one) => new GrafanaDataSource(one, method))
    const found: string[] = []
    const alike = async (
      name: string,
      ask: (grafana: GrafanaDataSource) => Promise<ApiAnswer>,
      pick = (answer: ApiAnswer): unknown => answer,
    ): Promise<ApiAnswer> => {
      const [wanted, got] = await Promise.all([ask(theirs), ask(ours)])
      const differs = difference(pick(wanted), pick(got))
      if (differs) found.push(`${name} ${differs}`)
      return got
    }
    const range = { start: goSeconds(data.end - 1_500_000), end: goSeconds(Date.now()) }
    const limited = { ...range, limit: '40000' }
    // Save & test: a scalar long ago, then which server it is. A server that names features is taken for Mimir.
    const health = await alike('health', (grafana) => grafana.query('query', { query: '1+1', time: '4' }))
    expect(health.body).toEqual({ status: 'success', data: { resultType: 'scalar', result: [4, '2'] } })
    const names = ({ status, body }: ApiAnswer) => [status, Object.keys((body as { data: object }).data)]
    await alike('build', (grafana) => grafana.resource('/api/v1/status/buildinfo'), names)
    // Opening an editor: rules, whether there are exemplars (with ms where seconds belong), metrics, labels, metadata.
    await alike('rules', (grafana) => grafana.resource('/api/v1/rules'))
    await alike('exemplars there', (grafana) =>
      grafana.resource('/api/v1/query_exemplars', {
        query: 'test',
        start: String(data.end - 1_800_000),
        end: String(data.end),
      }),
    )
    await alike('metrics', (grafana) => grafana.resource('/api/v1/label/__name__/values', limited), withoutScraped)
    await alike('labels', (grafana) => grafana.resource('/api/v1/labels', limited))
    await alike(
      'metadata',
      (grafana) => grafana.resource('/api/v1/metadata', { limit: '40000' }),
      ({ body }) => bySeriesName(body),
    )
    await alike(
      'all series',
      (grafana) => grafana.resource('/api/v1/series', { ...limited, 'match[]': '{__name__!=""}' }),
      withoutScraped,
    )
    // The builder's and ad hoc filters' steps, and those of variables.
    for (const match of [
      'http_requests_total',
      '{job="api"}',
      '{job=~"a.*",code!=""}',
      '{__name__=~".*temp.*"}',
      'none',
    ]) {
      await alike(`labels of ${match}`, (grafana) =>
        grafana.resource('/api/v1/labels', { ...limited, 'match[]': match }),
      )
      for (const label of ['job', 'instance', '__name__', 'le'])
        await alike(`${label} of ${match}`, (grafana) =>
          grafana.resource(`/api/v1/label/${label}/values`, { ...limited, 'match[]': match }),
        )
    }
    await alike('query_result()', (grafana) =>
      grafana.resource('/api/v1/query', { query: 'topk(1, temperature)', time: range.end }),
    )
    // Panels: steps as floats, times on multiples of the step, a time limit; alerts ask at one time.
    for (const query of [
      'rate(http_requests_total[1m])',
      'sum by (le) (rate(latency_seconds_bucket[5m]))',
      'native_seconds',
      'odd',
    ])
      for (const step of ['15', '0.5', '60']) {
        const start = String(end() - 1500 - ((end() - 1500) % 15))
        const asked = { query, start, end: String(end()), step, timeout: '60s' }
        await alike(`panel ${query} ${step}`, (grafana) => grafana.query('query_range', asked))
        await alike(`instant ${query}`, (grafana) => grafana.query('query', { query, time: String(end() + 0.123) }))
        await alike(`exemplars ${query}`, (grafana) => grafana.query('query_exemplars', { query, ...range }))
      }
    // What is wrong comes with the words that Grafana shows.
    for (const query of ['sum(', 'rate(http_requests_total)', '', 'http_requests_total{'])
      await alike(`wrong ${query}`, (grafana) => grafana.query('query_range', { query, ...range, step: '15' }))
    await alike('too fine', (grafana) =>
      grafana.query('query_range', { query: 'odd', start: '0', end: range.end, step: '15' }),
    )
    await alike('no selector', (grafana) => grafana.resource('/api/v1/series', { ...range, 'match[]': '{x=~".*"}' }))
    await alike('alerts', (grafana) => grafana.resource('/api/v1/alerts'))
    await alike(
      'no ruler',
      (grafana) => grafana.resource('/api/v1/rules/test/test'),
      ({ status }) => status,
    )
    expect(found).toEqual([])
    expect(ours.sent).toEqual(theirs.sent)
  })

  it('answers Grafana about names that only Prometheus 3 knows, and cuts lists at its limit', async () => {
    const grafana = new GrafanaDataSource({ url: host.api, token: host.token })
    const labels = { __name__: 'süß.preis', 'kind.of': 'a.b', kind_of: 'c' }
    const time = Date.now()
    const series = message(
      1,
      ...Object.entries(labels).map(([name, value]) => message(1, bytes(1, name), bytes(2, value))),
      message(2, double(1, 7), varint(2, BigInt(time))),
    )
    const written = await fetch(`${host.api}/api/v1/write`, {
      method: 'POST',
      headers: { ...data.headers, authorization: `Bearer ${host.token}` },
      body: new Uint8Array(compressSync(series) as Buffer),
    })
    expect(written.status).toBe(204)
    const range = { start: goSeconds(time - 60_000), end: goSeconds(time + 60_000) }
    const dataOf = ({ body }: ApiAnswer): unknown => (body as { data: unknown }).data
    const values = async (label: string, more: Record<string, string> = {}) =>
      dataOf(await grafana.resource(`/api/v1/label/${label}/values`, { ...range, ...more }))
    const match = { 'match[]': '{"süß.preis", "kind.of"="a.b"}' }
    expect(await values('U__kind_2e_of', match)).toEqual(['a.b'])
    expect(await values('U__kind_2E_of', match)).toEqual(['a.b'])
    expect(await values('kind_of', match)).toEqual(['c'])
    expect(await values('__name__', match)).toEqual(['süß.preis'])
    expect(dataOf(await grafana.resource('/api/v1/labels', { ...range, ...match }))).toEqual(Object.keys(labels).sort())
    const query = `sum by ("kind.of") ({"süß.preis"})`
    expect(dataOf(await grafana.query('query', { query, time: goSeconds(time) }))).toMatchObject({
      result: [{ metric: { 'kind.of': 'a.b' }, value: [time / 1000, '7'] }],
    })
    // More than the limit is left out and said, so that the editor can tell.
    for (const path of ['/api/v1/labels', '/api/v1/label/__name__/values', '/api/v1/series']) {
      const { body } = await grafana.resource(path, { ...range, limit: '1', 'match[]': '{__name__!=""}' })
      expect(body).toMatchObject({ status: 'success', data: { length: 1 } })
    }
    const answer = await fetch(`${host.api}/api/v1/labels?limit=1`, {
      headers: { authorization: `Bearer ${host.token}` },
    })
    expect(await answer.json()).toMatchObject({ warnings: ['results truncated due to limit'] })
  })

  it('answers promtool', async () => {
    const server = host.api.replace('//', `//any:${host.token}@`)
    const promtool = async (...words: string[]): Promise<string> => (await run('promtool', ['query', ...words])).stdout
    const time = String(end())
    expect(await promtool('instant', `--time=${time}`, server, 'sum(same)')).toBe(`{} => 14 @[${time}]\n`)
    const range = [`--start=${end() - 60}`, `--end=${time}`, '--step=60s']
    expect(await promtool('range', ...range, server, 'same{n="1"}')).toBe(
      `same{n="1"} =>\n7 @[${end() - 60}]\n7 @[${time}]\n`,
    )
    expect(await promtool('series', '--match=info', server)).toContain('version="1.2.4"')
    expect(await promtool('labels', server, 'job')).toContain('store')
    await expect(promtool('instant', server, 'sum(')).rejects.toThrow('unclosed left parenthesis')
  })
})

describe('connected to a real Prometheus', () => {
  let sender: RealPrometheus
  let refusals = 3
  let road: { address: string; close(): void }

  beforeAll(async () => {
    if (!installed) return
    // A way that is closed at first: a sender has to come again with what was refused.
    road = await listen((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', async () => {
        if (refusals-- > 0) return response.writeHead(503).end('not now')
        const headers = Object.fromEntries(
          Object.entries(request.headers).filter(([name]) => !/^(host|connection|content-length)$/.test(name)),
        ) as Record<string, string>
        const answer = await fetch(`${host.api}${request.url}`, {
          method: 'POST',
          headers,
          body: new Uint8Array(Buffer.concat(chunks)),
        })
        response.writeHead(answer.status).end(await answer.text())
      })
    })
    const queue = 'queue_config: {batch_send_deadline: 300ms, min_backoff: 30ms, max_backoff: 100ms}'
    const write = `remote_write: [{url: "http://${road.address}/api/v1/write", authorization: {credentials: "${host.token}"}, ${queue}, metadata_config: {send: true, send_interval: 1s}, send_exemplars: true}]`
    sender = await startPrometheus(
      `global: {scrape_interval: 1s, scrape_timeout: 1s, external_labels: {via: writing}}\nscrape_configs:\n- {job_name: sent, static_configs: [{targets: ["${target.address}"]}]}\n${write}\n`,
    )
  })
  afterAll(async () => {
    await sender?.stop()
    road?.close()
  })

  it('takes everything that it writes, though some of it had to come again, and its metadata', async () => {
    const theirs = { url: sender.url }
    const ours = { url: host.api, token: host.token }
    const few = 'query?query=count_over_time(shop_open%5B1m%5D)%20>=%205'
    while (countOf(await askApi(theirs, few)) === 0);
    const time = Math.floor(Date.now() / 1000) - 1
    const ask = (name: string): string => `query?query=${name}%7Bjob=%22sent%22%7D%5B5m%5D&time=${time}`
    const withoutVia = (body: unknown): unknown => JSON.parse(JSON.stringify(body).replaceAll(',"via":"writing"', ''))
    for (const name of ['shop_open', 'shop_wait_seconds_bucket', 'up', 'scrape_samples_scraped']) {
      const wanted = await askApi(theirs, ask(name))
      // Until the sender's last batch is there; the test's time limit ends a wait for what never comes.
      for (;;) {
        const got = await askApi(ours, ask(name))
        if (difference(wanted.body, withoutVia(got.body)) === null) break
      }
    }
    expect(refusals).toBeLessThan(0)
    const books = await host.get<{ metrics: { rejected: Record<string, number> } }>('/api/pipeline')
    expect(books.metrics.rejected).toEqual({})
    while (!JSON.stringify(await askApi(ours, 'metadata?metric=shop_wait_seconds')).includes('How long'));
  })

  it('is scraped itself', async () => {
    const jobs = [{ job: 'prometheus', intervalMs: 1000, static: [{ targets: [sender.url.slice('http://'.length)] }] }]
    await host.get('/api/settings', {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ 'collectors.scrape.jobs': jobs }),
    })
    const ours = { url: host.api, token: host.token }
    while (countOf(await askApi(ours, 'query?query=prometheus_build_info')) === 0);
    const up = await askApi(ours, 'query?query=up%7Bjob=%22prometheus%22%7D')
    expect(JSON.stringify(up.body)).toContain('"1"]')
    expect(countOf(await askApi(ours, 'query?query=prometheus_tsdb_compaction_chunk_size_bytes_bucket'))).toBe(13)
  })
})

/** Seconds; off any multiple of 15, so that no window begins where a sample or a step of a subquery lies. */
const end = (): number => Math.floor(data.end / 1000) + 4

/** Without the series that one server has of itself or scrapes at other moments. */
function withoutScraped({ status, body }: ApiAnswer): unknown {
  const list = (body as { data: unknown[] }).data.map((one) => JSON.stringify(one))
  return { status, list: list.filter((one) => !/scrape_|süß|glassbox/.test(one)).sort() }
}

/** Metadata by the name that the counter's series have; Prometheus has it by the name of the family, which no series has. */
function bySeriesName(body: unknown): unknown {
  const named = JSON.parse(JSON.stringify(body).replaceAll('"shop_orders"', '"shop_orders_total"')) as { data: unknown }
  if (Array.isArray(named.data)) named.data = named.data.map((one) => JSON.stringify(one)).sort()
  return named
}

/** Samples without the moment that each server scraped them at. */
function withoutTimes(body: unknown): unknown {
  return JSON.parse(
    JSON.stringify(body, (key, value) => {
      if (key === 'timestamp') return 0
      return key === 'value' && Array.isArray(value) ? value[1] : value
    }),
  )
}

function withoutScrapeTimes(body: unknown): unknown {
  const { activeTargets, droppedTargets } = (
    body as { data: { activeTargets: Record<string, unknown>[]; droppedTargets: unknown[] } }
  ).data
  return {
    droppedTargets,
    activeTargets: activeTargets
      .map(({ lastScrape, lastScrapeDuration, lastError, globalUrl, ...rest }) => ({
        ...rest,
        types: [lastScrape, lastScrapeDuration, lastError, globalUrl].map((one) => typeof one),
      }))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  }
}
