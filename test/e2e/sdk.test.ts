import { ROOT_CONTEXT, SeverityNumber, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPLogExporter as LogHttpJson } from '@opentelemetry/exporter-logs-otlp-http'
import { OTLPLogExporter as LogHttpProto } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPTraceExporter as TraceGrpc } from '@opentelemetry/exporter-trace-otlp-grpc'
import { OTLPTraceExporter as TraceHttpJson } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as TraceHttpProto } from '@opentelemetry/exporter-trace-otlp-proto'
import { ZipkinExporter } from '@opentelemetry/exporter-zipkin'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { LoggerProvider, type LogRecordExporter, SimpleLogRecordProcessor } from '@opentelemetry/sdk-logs'
import { SimpleSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { PipelineAnswer } from '../../core/api/contract/shapes.ts'
import type { Trace } from '../../core/model/records.ts'
import { followLive, type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost()
})
afterAll(() => host.stop())

/** Sends one trace of two spans and, with a log exporter, one record inside it; answers the trace id. */
async function send(service: string, exporter: SpanExporter, logExporter?: LogRecordExporter): Promise<string> {
  const resource = resourceFromAttributes({ 'service.name': service })
  const tracers = new TracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor({ exporter })] })
  const tracer = tracers.getTracer('test')
  const root = tracer.startSpan(
    'GET /cart',
    { attributes: { 'http.request.method': 'GET', 'user.id': 42, ratio: 0.5 } },
    ROOT_CONTEXT,
  )
  const inside = trace.setSpan(ROOT_CONTEXT, root)
  const child = tracer.startSpan('SELECT cart', {}, inside)
  child.recordException(new Error('no connection'))
  child.setStatus({ code: SpanStatusCode.ERROR, message: 'no connection' })
  child.end()
  root.end()
  if (logExporter) {
    const loggers = new LoggerProvider({
      resource,
      processors: [new SimpleLogRecordProcessor({ exporter: logExporter })],
    })
    loggers.getLogger('test').emit({
      severityNumber: SeverityNumber.WARN,
      severityText: 'WARN',
      body: `hello from ${service}`,
      context: inside,
    })
    await loggers.shutdown()
  }
  await tracers.shutdown()
  return root.spanContext().traceId
}

describe('a real OpenTelemetry SDK', () => {
  const transports: [string, () => SpanExporter, (() => LogRecordExporter) | undefined][] = [
    [
      'http/protobuf',
      () => new TraceHttpProto({ url: `${host.otlp}/v1/traces` }),
      () => new LogHttpProto({ url: `${host.otlp}/v1/logs` }),
    ],
    [
      'http/json',
      () => new TraceHttpJson({ url: `${host.otlp}/v1/traces` }),
      () => new LogHttpJson({ url: `${host.otlp}/v1/logs` }),
    ],
    ['grpc', () => new TraceGrpc({ url: host.otlpGrpc }), undefined],
    ['zipkin', () => new ZipkinExporter({ url: `${host.otlp}/api/v2/spans` }), undefined],
  ]
  for (const [name, traces, logs] of transports) {
    it(`is received, kept and found over ${name}`, async () => {
      const service = `shop-${name.replace('/', '-')}`
      const live = await followLive(host)
      const sent = send(service, traces(), logs?.())
      const traceId = await sent
      await live.wait(
        (message) =>
          message.type === 'traces' &&
          message.data.items.some((item) => item.traceId === traceId && item.spanCount === 2),
      )
      live.close()
      const found = await host.get<Trace>(`/api/traces/${traceId}`)
      expect(found.spans.map((span) => span.name).sort()).toEqual(['GET /cart', 'SELECT cart'])
      expect(found.summary).toMatchObject({
        service,
        name: 'GET /cart',
        status: 'ERROR',
        spanCount: 2,
        errorCount: 1,
        rootMissing: false,
      })
      const child = found.spans.find((span) => span.name === 'SELECT cart')
      const root = found.spans.find((span) => span.name === 'GET /cart')
      expect(child?.parentId).toBe(root?.spanId)
      if (logs) expect(found.logs.map((record) => record.body)).toEqual([`hello from ${service}`])
      const listed = await host.get<{ items: { traceId: string }[] }>(`/api/traces?service=${service}&status=error`)
      expect(listed.items.map((item) => item.traceId)).toEqual([traceId])
    })
  }

  it('keeps the books exactly', async () => {
    const { traces } = await host.get<PipelineAnswer>('/api/pipeline')
    const sum = (counts: Record<string, number>) => Object.values(counts).reduce((total, count) => total + count, 0)
    expect(traces.received).toBe(8)
    expect(traces.stored + sum(traces.rejected) + sum(traces.dropped) + traces.sampledOut + traces.waiting).toBe(
      traces.received,
    )
    expect(traces.stored).toBe(8)
  })

  it('answers SQL over what it stored', async () => {
    const answer = await host.get<{ columns: string[]; rows: unknown[][] }>('/api/sql', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        query: "select name, status from _traces where status = 'ERROR' order by name",
        limit: 10,
      }),
    })
    expect(answer.columns).toEqual(['name', 'status'])
    expect(answer.rows).toHaveLength(4)
  })
})
