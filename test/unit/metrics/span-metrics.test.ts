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
  const shown = report.batch.exemplars.map(({ exemplar }) => exemplar.value)
  expect(shown).toEqual([0.04, 7])
  expect(report.batch.exemplars[0].exemplar.labels).toContainEqual(['trace_id', TRACE])
})
