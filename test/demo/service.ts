import {
  type Attributes,
  type Context,
  type Link,
  SeverityNumber,
  type Span,
  type SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'

const SEVERITY = {
  DEBUG: SeverityNumber.DEBUG,
  INFO: SeverityNumber.INFO,
  WARN: SeverityNumber.WARN,
  ERROR: SeverityNumber.ERROR,
}

/** One service of the shop: its own resource, tracer and logger, exporting as a process of its own would. */
export class Service {
  readonly name: string
  #tracers: TracerProvider
  #loggers: LoggerProvider

  constructor(name: string, version: string, endpoint: string) {
    this.name = name
    const resource = resourceFromAttributes({
      'service.name': name,
      'service.version': version,
      'service.namespace': 'shop',
      'service.instance.id': `${name}-1`,
      'deployment.environment.name': 'demo',
      'host.name': 'demo-host',
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
    try {
      return await work(inside, span)
    } catch (error) {
      const failure = error as Error
      span.recordException(failure)
      span.setAttribute('error.type', failure.name)
      span.setStatus({ code: SpanStatusCode.ERROR, message: failure.message })
      throw error
    } finally {
      span.end()
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
    await Promise.all([this.#tracers.shutdown(), this.#loggers.shutdown()])
  }
}
