/** Files that telemetry leaves as. */
export const EXPORT_SIGNALS = ['traces', 'logs', 'metrics'] as const
export type ExportSignal = (typeof EXPORT_SIGNALS)[number]

export const EXPORT_FORMATS = ['otlp', 'otlp-protobuf', 'jaeger', 'zipkin', 'parquet', 'csv', 'prometheus'] as const
export type ExportFormat = (typeof EXPORT_FORMATS)[number]

/** Which signals each format has a form for, and how its files are called. */
export const EXPORT_KINDS: Record<ExportFormat, { signals: readonly ExportSignal[]; extension: string; type: string }> =
  {
    otlp: { signals: EXPORT_SIGNALS, extension: 'otlp.jsonl', type: 'application/x-ndjson' },
    'otlp-protobuf': { signals: EXPORT_SIGNALS, extension: 'otlp.pb', type: 'application/x-protobuf' },
    jaeger: { signals: ['traces'], extension: 'jaeger.json', type: 'application/json' },
    zipkin: { signals: ['traces'], extension: 'zipkin.json', type: 'application/json' },
    parquet: { signals: EXPORT_SIGNALS, extension: 'parquet', type: 'application/vnd.apache.parquet' },
    csv: { signals: EXPORT_SIGNALS, extension: 'csv', type: 'text/csv; charset=utf-8' },
    prometheus: { signals: ['metrics'], extension: 'prom', type: 'text/plain; charset=utf-8' },
  }

/** What to export, as it travels and is kept with its job. Times and durations are µs; absent = no such condition. */
export interface ExportRequest {
  signal: ExportSignal
  format: ExportFormat
  start: number
  end: number
  minDuration?: number | undefined
  maxDuration?: number | undefined
  status?: 'ok' | 'error' | undefined
  service?: string | undefined
  operation?: string | undefined
  severity?: number | undefined
  traceId?: string | undefined
  /** Filter of traces or logs; a PromQL selector for metrics. */
  q: string
}
