import { expect, it } from 'vitest'
import { decodeTracesJson } from '../../../core/formats/otlp/decode-json.ts'
import { SpanMetrics } from '../../../core/pipeline/span-metrics.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'

it('counts every span, sampled out or not, with an exemplar of one that is kept', () => {
  const span = (i: number, ms: number, code: number) => ({
    traceId: TRACE,
    spanId: `b7ad6b716920333${i}`,
    name: 'GET /cart',
    kind: 2,
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: String(1_700_000_000_000_000_000n + BigInt(ms) * 1_000_000n),
    status: { code },
  })
  const body = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
        scopeSpans: [{ spans: [span(1, 4, 0), span(2, 40, 0), span(3, 7000, 2)] }],
      },
    ],
  }
  const { batch } = decodeTracesJson(Buffer.from(JSON.stringify(body)), 1.7e15)
  const metrics = new SpanMetrics(0)
  metrics.count(batch, Uint8Array.of(0, 1, 1))
  const report = metrics.report(1_700_000_010_000)
  if (!report) throw new Error('nothing was reported')
  const rows = Array.from(report.batch.seriesOf, (series, i) => ({
    ...Object.fromEntries(report.batch.series[series]),
    value: report.batch.values[i],
  })) as Record<string, unknown>[]
  const calls = rows.filter(({ __name__ }) => __name__ === 'traces_span_metrics_calls_total')
  expect(calls).toMatchObject([
    {
      service_name: 'cart',
      span_name: 'GET /cart',
      span_kind: 'SPAN_KIND_SERVER',
      status_code: 'STATUS_CODE_UNSET',
      value: 2,
    },
    { status_code: 'STATUS_CODE_ERROR', value: 1 },
  ])
  const bucket = (le: string): unknown =>
    rows.find((row) => row.le === le && row.status_code === 'STATUS_CODE_UNSET')?.value
  expect([bucket('0.002'), bucket('0.005'), bucket('0.05'), bucket('+Inf')]).toEqual([0, 1, 2, 2])
  const nameOf = (series: number): string | undefined => Object.fromEntries(report.batch.series[series]).__name__
  const spanExemplars = report.batch.exemplars.filter(({ seriesOf }) => nameOf(seriesOf)?.startsWith('traces_span'))
  const shown = spanExemplars.map(({ exemplar }) => exemplar.value)
  expect(shown).toEqual([0.04, 7])
  expect(report.batch.exemplars[0].exemplar.labels).toContainEqual(['trace_id', TRACE])
})

it('counts requests of a service in one native histogram an outcome, the first ones as an increase', () => {
  const span = (i: number, parentSpanId: string, kind: number, ms: number, code: number) => ({
    traceId: TRACE,
    spanId: `b7ad6b716920333${i}`,
    parentSpanId,
    name: `work ${i}`,
    kind,
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: String(1_700_000_000_000_000_000n + BigInt(ms) * 1_000_000n),
    status: { code },
  })
  const parent = 'b7ad6b7169203330'
  const attributes = ['service.name', 'service.version'].map((key, i) => ({
    key,
    value: { stringValue: ['cart', '2.14.0'][i] },
  }))
  const spans = [
    span(1, '', 1, 1000, 0), // a root of any kind
    span(2, parent, 2, 250, 0), // server
    span(3, parent, 5, 0, 2), // consumer, failed, of no length
    span(4, parent, 3, 900, 2), // a client below another span is no request
  ]
  const body = { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] }
  const { batch } = decodeTracesJson(Buffer.from(JSON.stringify(body)), 1.7e15)
  const metrics = new SpanMetrics(1_700_000_000_000)
  metrics.count(batch, Uint8Array.of(0, 1, 1, 1))
  const reported = (time: number) => {
    const report = metrics.report(time)
    if (!report) throw new Error('nothing was reported')
    return Array.from(report.batch.seriesOf, (series, i) => ({
      ...Object.fromEntries(report.batch.series[series]),
      time: report.batch.times[i],
      value: report.batch.values[i],
      histogram: report.batch.histograms.get(i),
      exemplars: report.batch.exemplars.filter(({ seriesOf }) => seriesOf === series),
    })).filter((row) => 'service_name' in row) as unknown as {
      __name__: string
      error?: string
      time: number
      histogram?: { count: number; sum: number; zeroCount: number; positive: { spans: object[]; counts: number[] } }
      exemplars: { exemplar: { value: number } }[]
      service_version?: string
    }[]
  }
  const first = reported(1_700_000_010_000)
  const good = first.filter(
    ({ __name__, error }) => __name__ === 'traces_service_duration_seconds' && error === 'false',
  )
  expect(good.map(({ time, histogram }) => [time, histogram?.count, histogram?.sum])).toEqual([
    [1_700_000_000_000, 0, 0],
    [1_700_000_010_000, 2, 1.25],
  ])
  // 0.25 s = 2^-2 is the upper bound of bucket -16, 1 s that of bucket 0.
  expect(good[1].histogram?.positive).toEqual({
    spans: [
      { offset: -16, length: 1 },
      { offset: 15, length: 1 },
    ],
    counts: [1, 1],
  })
  expect(good[1].exemplars.map(({ exemplar }) => exemplar.value)).toEqual([0.25])
  const bad = first.filter(({ error }) => error === 'true')
  expect(bad[1].histogram).toMatchObject({ count: 1, zeroCount: 1 })
  expect(first.find(({ __name__ }) => __name__ === 'traces_service_info')?.service_version).toBe('2.14.0')
  const second = reported(1_700_000_020_000)
  expect(second.filter(({ error }) => error === 'false').map(({ time }) => time)).toEqual([1_700_000_020_000])
  expect(second.some(({ __name__ }) => __name__ === 'traces_service_info')).toBe(false)
})
