import { existsSync, readFileSync } from 'node:fs'
import {
  AggregationTemporalityPreference,
  OTLPMetricExporter as HttpJson,
} from '@opentelemetry/exporter-metrics-otlp-http'
import { OTLPMetricExporter as HttpProto } from '@opentelemetry/exporter-metrics-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from '@opentelemetry/sdk-metrics'
import { compressSync } from 'snappy'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PipelineAnswer } from '../../core/api/contract/shapes.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host.stop())

async function api<T>(path: string, init: RequestInit = {}): Promise<{ status: number; body: T }> {
  const response = await fetch(`${host.api}/api/v1/${path}`, {
    ...init,
    headers: { authorization: `Bearer ${host.token}`, ...init.headers },
  })
  return { status: response.status, body: (await response.json()) as T }
}

interface Envelope<T> {
  status: string
  data: T
  errorType?: string
  error?: string
}

const series = async (selector: string): Promise<Record<string, string>[]> =>
  (await api<Envelope<Record<string, string>[]>>(`series?match[]=${encodeURIComponent(selector)}`)).body.data

async function ledger(): Promise<PipelineAnswer['metrics']> {
  const response = await fetch(`${host.api}/api/pipeline`, { headers: { authorization: `Bearer ${host.token}` } })
  return ((await response.json()) as PipelineAnswer).metrics
}

/** One of each instrument, exported once. */
async function record(service: string, exporter: PushMetricExporter): Promise<void> {
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const provider = new MeterProvider({
    resource: resourceFromAttributes({
      'service.name': service,
      'service.instance.id': 'one',
      'host.name': 'box',
    }),
    readers: [reader],
    views: [
      {
        instrumentName: 'native',
        aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM },
      },
    ],
  })
  const meter = provider.getMeter('shop')
  const counter = meter.createCounter('orders', { unit: '{order}', description: 'Orders taken' })
  counter.add(3, { 'payment.method': 'card' })
  counter.add(4, { 'payment.method': 'card' })
  meter.createUpDownCounter('queue.size').add(-2)
  meter.createGauge('disk.used', { unit: '1' }).record(0.25)
  const latency = meter.createHistogram('http.server.duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: [0.1, 1] },
  })
  for (const value of [0.05, 0.5, 5]) latency.record(value)
  const native = meter.createHistogram('native', { unit: 'ms' })
  for (const value of [1, 2, 4]) native.record(value)
  await provider.shutdown()
}

describe('metrics of a real OpenTelemetry SDK', () => {
  const exporters: [string, () => PushMetricExporter][] = [
    ['proto', () => new HttpProto({ url: `${host.otlp}/v1/metrics` })],
    ['json', () => new HttpJson({ url: `${host.otlp}/v1/metrics` })],
    [
      'delta',
      () =>
        new HttpProto({
          url: `${host.otlp}/v1/metrics`,
          temporalityPreference: AggregationTemporalityPreference.DELTA,
        }),
    ],
  ]
  it.each(exporters)('arrive under their Prometheus names by %s', async (service, make) => {
    const before = await ledger()
    await record(service, make())
    const shared = { job: service, instance: 'one', otel_scope_name: 'shop' }
    expect(await series(`orders_total{job="${service}"}`)).toEqual([
      { __name__: 'orders_total', payment_method: 'card', ...shared },
    ])
    expect(await series(`queue_size{job="${service}"}`)).toHaveLength(1)
    expect(await series(`disk_used_ratio{job="${service}"}`)).toHaveLength(1)
    const buckets = await series(`http_server_duration_seconds_bucket{job="${service}"}`)
    expect(buckets.map(({ le }) => le).sort()).toEqual(['+Inf', '0.1', '1.0'])
    expect(await series(`native_milliseconds{job="${service}"}`)).toHaveLength(1)
    expect(await series(`target_info{job="${service}"}`)).toEqual([
      { __name__: 'target_info', job: service, instance: 'one', host_name: 'box' },
    ])
    const { body } = await api<Envelope<unknown>>('metadata?metric=orders_total')
    expect(body.data).toEqual({ orders_total: [{ type: 'counter', help: 'Orders taken', unit: '' }] })
    const books = await ledger()
    expect(books.received - before.received).toBe(5)
    expect(books.stored - before.stored).toBe(5)
  })
})

describe('remote write', () => {
  const file = new URL('../../../shared/cases/exposition/remote-write-v1-node-exporter.pb', import.meta.url)
  const post = (body: Uint8Array, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${host.api}/api/v1/write`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`any:${host.token}`).toString('base64')}`,
        'content-type': 'application/x-protobuf',
        'content-encoding': 'snappy',
        ...headers,
      },
      body: new Uint8Array(body),
    })

  it.runIf(existsSync(file))('takes a request from the field whole, and again without storing it twice', async () => {
    const body = compressSync(readFileSync(file))
    const before = await ledger()
    expect((await post(body)).status).toBe(204)
    expect(await series('{job="node_exporter"}')).toHaveLength(1148)
    const after = await ledger()
    expect(after.stored - before.stored).toBe(1148)
    const again = await post(body)
    expect(again.status).toBe(204)
    expect((await ledger()).dropped.duplicate).toBe(1148)
    const { body: names } = await api<Envelope<string[]>>(
      'label/__name__/values?match[]=%7Bjob%3D%22node_exporter%22%7D',
    )
    expect(names.data).toHaveLength(220)
  })

  it('refuses wrong types, damaged bodies and samples from the future with codes that senders understand', async () => {
    expect((await post(compressSync(Buffer.alloc(0)), { 'content-type': 'application/json' })).status).toBe(415)
    expect((await post(Buffer.from('x'), { 'content-encoding': 'gzip' })).status).toBe(415)
    expect((await post(Buffer.from([200, 1, 7, 7]))).status).toBe(400)
    expect((await post(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f]))).status).toBe(413)
    const text = (value: string): number[] => [value.length, ...Buffer.from(value)]
    const label = [0x0a, 12, 0x0a, ...text('__name__'), 0x12, ...text('')]
    label[1] = label.length - 2
    const time = [0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40]
    const sample = [0x12, 9 + time.length, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, ...time]
    const nameless = Buffer.from([0x0a, label.length + sample.length, ...label, ...sample])
    const answer = await post(compressSync(nameless))
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('no_metric_name')
    expect(answer.headers.get('x-prometheus-remote-write-samples-written')).toBe('0')
  })
})

describe("Prometheus' HTTP api", () => {
  it('answers in its envelope, with its codes', async () => {
    const info = await api<Envelope<{ version: string }>>('status/buildinfo')
    expect(info.body.data.version).toMatch(/^3\./)
    expect((await api<Envelope<object>>('rules')).body).toEqual({ status: 'success', data: { groups: [] } })
    const empty = await api<Envelope<unknown>>('series?match[]=%7Bx%3D~%22.*%22%7D')
    expect(empty.status).toBe(400)
    expect(empty.body.errorType).toBe('bad_data')
    const broken = await api<Envelope<unknown>>('query_range?query=up&start=10&end=0&step=1')
    expect(broken.status).toBe(400)
    const dense = await api<Envelope<unknown>>('query_range?query=up&start=0&end=100000&step=1')
    expect(dense.body.error).toContain('exceeded maximum resolution of 11,000 points')
    const form = await api<Envelope<string[]>>('labels', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'match[]=orders_total',
    })
    expect(form.body.data).toContain('payment_method')
    const refused = await fetch(`${host.api}/api/v1/labels`)
    expect(refused.status).toBe(401)
  })
})
