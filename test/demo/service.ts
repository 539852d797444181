import { hostname } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import {
  type Attributes,
  type Context,
  type Histogram,
  type Link,
  SeverityNumber,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

const SEVERITY = {
  DEBUG: SeverityNumber.DEBUG,
  INFO: SeverityNumber.INFO,
  WARN: SeverityNumber.WARN,
  ERROR: SeverityNumber.ERROR,
}

const METRICS_EVERY_MS = 5000
const DURATION_BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** The demo is one process: each of its services tells the event loop and heap of all. */
const eventLoop = monitorEventLoopDelay({ resolution: 10 })
eventLoop.enable()

/** One service of the shop: its own resource, tracer, logger and meter, exporting as a process of its own would. */
export class Service {
  readonly name: string
  #tracers: TracerProvider
  #loggers: LoggerProvider
  #meters: MeterProvider
  #served: Histogram

  constructor(name: string, version: string, endpoint: string) {
    this.name = name
    const resource = resourceFromAttributes({
      'service.name': name,
      'service.version': version,
      'service.namespace': 'shop',
      'service.instance.id': `${name}-1`,
      'deployment.environment.name': 'demo',
      'host.name': hostname(),
    })
    const batching = { scheduledDelayMillis: 500, maxQueueSize: 20_000, maxExportBatchSize: 2000 }
    this.#tracers = new TracerProvider({
      resource,
      spanProcessors: [
        new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }), ...batching }),
      ],
    })
    this.#loggers = new LoggerProvider({
      resource,
      processors: [
        new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${endpoint}/v1/logs` }), ...batching }),
      ],
    })
    this.#meters = new MeterProvider({
      resource,
      readers: [
        new PeriodicExportingMetricReader({
          exporter: new OTLPMetricExporter({ url: `${endpoint}/v1/metrics` }),
          exportIntervalMillis: METRICS_EVERY_MS,
        }),
      ],
    })
    const meter = this.#meters.getMeter('shop', '1.0.0')
    this.#served = meter.createHistogram('http.server.request.duration', {
      unit: 's',
      description: 'Duration of HTTP server requests.',
      advice: { explicitBucketBoundaries: DURATION_BOUNDS },
    })
    meter
      .createObservableGauge('nodejs.eventloop.delay.p99', { unit: 's', description: 'Event loop p99 delay.' })
      .addCallback((result) => result.observe(eventLoop.percentile(99) / 1e9))
    meter
      .createObservableUpDownCounter('v8js.memory.heap.used', { unit: 'By', description: 'Heap memory used.' })
      .addCallback((result) => result.observe(process.memoryUsage().heapUsed))
  }

  /** Runs `work` inside a span; a thrown error is recorded on it, marks it failed, and goes on to the caller. */
  async span<T>(
    parent: Context,
    name: string,
    kind: SpanKind,
    attributes: Attributes,
    work: (inside: Context, span: Span) => Promise<T>,
    links: Link[] = [],
  ): Promise<T> {
    const span = this.#tracers.getTracer('shop', '1.0.0').startSpan(name, { kind, attributes, links }, parent)
    const inside = trace.setSpan(parent, span)
    const begun = performance.now()
    let errorType: string | undefined
    try {
      return await work(inside, span)
    } catch (error) {
      const failure = error as Error
      errorType = failure.name
      span.recordException(failure)
      span.setAttribute('error.type', failure.name)
      span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message })
      throw error
    } finally {
      span.end()
      if (kind === SpanKind.SERVER) {
        const { 'http.request.method': method, 'http.route': route } = attributes
        const labels = { 'http.request.method': method, 'http.route': route, 'error.type': errorType }
        this.#served.record((performance.now() - begun) / 1000, labels, inside)
      }
    }
  }

  log(inside: Context, severity: keyof typeof SEVERITY, body: string, attributes: Attributes = {}): void {
    this.#loggers.getLogger('shop', '1.0.0').emit({
      severityNumber: SEVERITY[severity],
      severityText: severity,
      body,
      attributes,
      context: inside,
    })
  }

  async stop(): Promise<void> {
    await Promise.all([this.#tracers.shutdown(), this.#loggers.shutdown(), this.#meters.shutdown()])
  }
}
