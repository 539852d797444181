import { expect, it } from 'vitest'
import { decodeTracesJson } from '../../../core/formats/otlp/decode-json.ts'
import { SampleBatchBuilder } from '../../../core/model/sample-batch-builder.ts'
import { RequestCounts } from '../../../core/pipeline/service-metrics.ts'
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

it('counts requests by service and of all, the first ones as an increase', () => {
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
  const batchOf = (spans: object[]) => {
    const attributes = ['service.name', 'service.version'].map((key, i) => ({
      key,
      value: { stringValue: ['cart', '2.14.0'][i] },
    }))
    const body = { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] }
    return decodeTracesJson(Buffer.from(JSON.stringify(body)), 1.7e15).batch
  }
  const metrics = new SpanMetrics(1_700_000_000_000)
  const first = batchOf([
    span(1, '', 1, 1000, 0), // a root of any kind
    span(2, parent, 2, 250, 0), // server
    span(3, parent, 5, 0, 2), // consumer, failed, of no length
    span(4, parent, 3, 900, 2), // a client below another span is no request
  ])
  metrics.count(first, Uint8Array.of(0, 1, 1, 1))
  /** Values by time, by metric and label. */
  const reported = (time: number) => {
    const report = metrics.report(time)
    if (!report) throw new Error('nothing was reported')
    const found = new Map<string, [time: number, value: number][]>()
    for (let i = 0; i < report.batch.times.length; i++) {
      const labels = Object.fromEntries(report.batch.series[report.batch.seriesOf[i]])
      if (!labels.__name__.startsWith('traces_service')) continue
      const name = labels.__name__.replace('traces_service_', '')
      const key = [name, labels.service_name ?? 'all', labels.le ?? labels.service_version].filter(Boolean).join(' ')
      found.set(key, [...(found.get(key) ?? []), [report.batch.times[i], report.batch.values[i]]])
    }
    return { found, exemplars: report.batch.exemplars }
  }
  const [start, then, later] = [1_700_000_000_000, 1_700_000_010_000, 1_700_000_020_000]
  const { found, exemplars } = reported(then)
  for (const whose of ['cart', 'all']) {
    expect(found.get(`duration_seconds_count ${whose}`)).toEqual([
      [start, 0],
      [then, 3],
    ])
    expect(found.get(`duration_seconds_errors_total ${whose}`)).toEqual([
      [start, 0],
      [then, 1],
    ])
    expect(found.get(`duration_seconds_sum ${whose}`)?.at(-1)).toEqual([then, 1.25])
    expect(found.get(`duration_seconds_bucket ${whose} 0.000976563`)).toEqual([
      [start, 0],
      [then, 1],
    ])
    expect(found.get(`duration_seconds_bucket ${whose} 0.25`)).toEqual([
      [start, 0],
      [then, 2],
    ])
    expect(found.get(`duration_seconds_bucket ${whose} 0.793701`)).toEqual([
      [start, 0],
      [then, 2],
    ])
    expect(found.get(`duration_seconds_bucket ${whose} 1.0`)).toEqual([
      [start, 0],
      [then, 3],
    ])
    // Slow buckets are there from the start: a slow request later must not look as if there had been none before it.
    expect(found.get(`duration_seconds_bucket ${whose} 64.0`)).toEqual([
      [start, 0],
      [then, 3],
    ])
  }
  expect(found.has('info cart 2.14.0')).toBe(true)
  expect(exemplars.map(({ exemplar }) => exemplar.value)).toContain(0.25)

  metrics.count(batchOf([span(5, '', 2, 4000, 0)]), null)
  const next = reported(later).found
  expect(next.get('duration_seconds_bucket cart 3.1748')).toEqual([[later, 3]])
  expect(next.get('duration_seconds_bucket cart 4.0')).toEqual([[later, 4]])
  expect(next.get('duration_seconds_bucket cart +Inf')).toEqual([[later, 4]])
  expect(next.has('info cart 2.14.0')).toBe(true)
})

it('leaves out buckets under the fastest request, and adds them with a zero once they are needed', () => {
  const counts = new RequestCounts()
  const values = (time: number): Map<string, number[]> => {
    const builder = new SampleBatchBuilder()
    counts.report(builder, [], time, time - 10)
    const batch = builder.finish()
    const found = new Map<string, number[]>()
    batch.times.forEach((_, i) => {
      const { le } = Object.fromEntries(batch.series[batch.seriesOf[i]])
      if (le) found.set(le, [...(found.get(le) ?? []), batch.values[i]])
    })
    return found
  }
  counts.add(1, false)
  const first = values(10)
  expect([...first.keys()].slice(0, 2)).toEqual(['0.793701', '1.0'])
  counts.add(0.5, true)
  counts.add(1000, false)
  const second = values(20)
  expect([...second.keys()][0]).toBe('0.39685')
  expect(second.get('0.5')).toEqual([0, 1])
  expect(second.get('1.0')).toEqual([2])
  expect(second.get('64.0')).toEqual([2])
  expect(second.get('+Inf')).toEqual([3])
})
