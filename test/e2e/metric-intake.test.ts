import * as grpc from '@grpc/grpc-js'
import { compressSync } from 'snappy'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ImportAnswer } from '../../core/api/contract/shapes.ts'
import type { SqlResult } from '../../core/storage/store.ts'
import { bytes, double, fixed64, message, packed, varint } from '../fixtures/protobuf-fields.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost({ 'collectors.spanMetrics.enabled': true, 'collectors.spanMetrics.intervalMs': 1000 })
})
afterAll(() => host.stop())

const NOW = Math.floor(Date.now() / 1000) * 1000
const asIs = (body: Buffer): Buffer => body

interface Envelope<T> {
  status: string
  data: T
}
type Vector = Envelope<{ result: { metric: Record<string, string>; value: [number, string] }[] }>
type Matrix = Envelope<{ resultType: string; result: { metric: Record<string, string>; values: [number, string][] }[] }>

const query = (text: string, at = NOW / 1000): Promise<Vector> =>
  host.get<Vector>(`/api/v1/query?query=${encodeURIComponent(text)}&time=${at}`)

it('takes metrics over gRPC', async () => {
  const point = message(1, fixed64(3, BigInt(NOW) * 1_000_000n), double(4, 42))
  const metric = message(2, bytes(1, 'grpc.gauge'), message(5, point))
  const service = message(1, bytes(1, 'service.name'), message(2, bytes(1, 'grpc-app')))
  const request = message(1, message(1, service), message(2, metric))
  const client = new grpc.Client(new URL(host.otlpGrpc).host, grpc.credentials.createInsecure())
  const path = '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export'
  const code = await new Promise((resolve) =>
    client.makeUnaryRequest(path, asIs, asIs, request, (error) => resolve(error?.code ?? 0)),
  )
  client.close()
  expect(code).toBe(0)
  const { data } = await query('grpc_gauge')
  expect(data.result).toEqual([{ metric: { __name__: 'grpc_gauge', job: 'grpc-app' }, value: [NOW / 1000, '42'] }])
})

describe('remote write 2.0', () => {
  const SYMBOLS = ['', '__name__', 'rw2', 'job', 'shop', 'bytes', 'What it is']
  const series = (refs: number[], ...samples: [time: number, value: number][]): Buffer =>
    message(
      5,
      packed(1, refs),
      ...samples.map(([time, value]) => message(2, double(1, value), varint(2, BigInt(time)))),
      message(5, varint(1, 2), varint(3, 6), varint(4, 5)),
    )
  const post = (...parts: Buffer[]): Promise<Response> =>
    fetch(`${host.api}/api/v1/write`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${host.token}`,
        'content-type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
        'content-encoding': 'snappy',
        'x-prometheus-remote-write-version': '2.0.0',
      },
      body: new Uint8Array(compressSync(Buffer.concat([...SYMBOLS.map((text) => bytes(4, text)), ...parts]))),
    })
  const written = (answer: Response): string | null => answer.headers.get('x-prometheus-remote-write-samples-written')

  it('stores samples and metadata and says how many', async () => {
    const answer = await post(series([1, 2, 3, 4], [NOW - 15_000, 1], [NOW, 2]))
    expect([answer.status, written(answer)]).toEqual([204, '2'])
    const range = `start=${NOW / 1000 - 15}&end=${NOW / 1000}&step=15`
    const { data } = await host.get<Matrix>(`/api/v1/query_range?query=rw2&${range}`)
    expect(data).toEqual({
      resultType: 'matrix',
      result: [
        {
          metric: { __name__: 'rw2', job: 'shop' },
          values: [
            [NOW / 1000 - 15, '1'],
            [NOW / 1000, '2'],
          ],
        },
      ],
    })
    const meta = await host.get<Envelope<unknown>>('/api/v1/metadata?metric=rw2')
    expect(meta.data).toEqual({ rw2: [{ type: 'gauge', unit: 'bytes', help: 'What it is' }] })
  })

  it('answers 400 for a label given twice, a reference outside the table and samples out of the window, storing the rest', async () => {
    const twice = await post(series([1, 2, 3, 4, 3, 5], [NOW, 9]), series([1, 2, 3, 5], [NOW, 3]))
    expect([twice.status, written(twice)]).toEqual([400, '1'])
    expect(await twice.text()).toContain('duplicate_label')
    expect((await query('rw2{job="bytes"}')).data.result[0].value[1]).toBe('3')
    expect((await post(series([1, 99], [NOW, 1]))).status).toBe(400)
    const late = await post(series([1, 2, 3, 4], [NOW - 3_700_000, 1], [NOW + 1000, 5]))
    expect([late.status, written(late)]).toEqual([400, '1'])
    expect(await late.text()).toContain('too_old')
  })
})

it('exemplars of span metrics point at a trace that is kept', { timeout: 20_000 }, async () => {
  const traceId = '5b8efff798038103d269b633813fc60c'
  const span = {
    traceId,
    spanId: 'eee19b7ec3c1b174',
    name: 'GET /pay',
    kind: 2,
    startTimeUnixNano: `${NOW}000000`,
    endTimeUnixNano: `${NOW + 1700}000000`,
  }
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'pay' } }] }
  const sent = await fetch(`${host.otlp}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans: [span] }] }] }),
  })
  expect(sent.status).toBe(200)
  type Exemplars = Envelope<{ exemplars: { labels: Record<string, string> }[] }[]>
  const wanted = encodeURIComponent('rate({__name__=~"traces_span_metrics_duration.*",job="pay"}[5m])')
  let found: Exemplars
  do found = await host.get<Exemplars>(`/api/v1/query_exemplars?query=${wanted}`)
  while (found.data.length === 0)
  expect(found.data[0].exemplars[0].labels.trace_id).toBe(traceId)
  const trace = await host.get<{ spans: unknown[] }>(`/api/traces/${traceId}`)
  expect(trace.spans).toHaveLength(1)
})

it('imports a file of metrics, which SQL and PromQL then find', async () => {
  const lines = Array.from({ length: 5 }, (_, i) => `imported{job="file"} ${i} ${NOW - 60_000 + i * 15_000}\n`)
  const answer = await host.get<ImportAnswer>('/api/import?name=metrics.prom', {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: `# TYPE imported gauge\n${lines.join('')}imported{job=} 1\n`,
  })
  expect(answer).toMatchObject({ points: 5, spans: 0, refused: [{ line: 7 }] })
  expect((await query('imported')).data.result[0].value[1]).toBe('4')
  const sql = await host.get<SqlResult>('/api/sql', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: "select time, value, type from _metrics where metric = 'imported' order by time" }),
  })
  expect(sql.rows).toHaveLength(5)
  expect(sql.rows[0]).toEqual([(NOW - 60_000) * 1000, 0, 'gauge'])
})

it("names Prometheus' api in OpenAPI and says which methods a path has", async () => {
  const { paths } = await host.get<{ paths: Record<string, Record<string, unknown>> }>('/api/openapi.json')
  expect(Object.keys(paths['/api/v1/query_range'])).toEqual(['get', 'post'])
  expect(Object.keys(paths)).toContain('/api/v1/label/{name}/values')
  expect(Object.keys(paths)).toContain('/api/v1/write')
  const wrong = await fetch(`${host.api}/api/v1/rules`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${host.token}` },
  })
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET'])
})
