import { csvLine, LOG_COLUMNS, logLine, SAMPLE_COLUMNS, SPAN_COLUMNS, sampleLines, spanLines } from '../formats/csv.ts'
import { expositionHead, expositionSamples } from '../formats/exposition/write.ts'
import { exportJaeger } from '../formats/jaeger/export.ts'
import { encodeOtlp } from '../formats/otlp/encode-protobuf.ts'
import { exportOtlp, exportOtlpLogs } from '../formats/otlp/export.ts'
import { otlpFamily } from '../formats/otlp/export-metrics.ts'
import { ParquetFile } from '../formats/parquet.ts'
import { exportZipkin } from '../formats/zipkin/export.ts'
import type { ExportFormat, ExportSignal } from '../model/export.ts'
import type { MetricFamily } from '../model/metric-family.ts'
import type { LogRecord, Trace } from '../model/records.ts'

/** Rows in, bytes of the file out, in order; what it answers may be empty. Only what its signal has is called. */
export interface Encoder {
  begin(): Buffer
  /** Log records of the trace are a signal of their own and left out. */
  trace(trace: Trace): Buffer
  logs(records: LogRecord[]): Buffer
  /** Families come one after the other, each in one or several pieces of time. */
  metrics(family: MetricFamily): Buffer
  end(): Buffer
  /** Samples that the form has no place for. */
  readonly leftOut: number
}

/** @param product name and version, for forms that say who wrote them */
export function createEncoder(signal: ExportSignal, format: ExportFormat, product: string): Encoder {
  if (format === 'parquet') return parquet(signal, product)
  if (format === 'csv') return csv(signal)
  if (format === 'prometheus') return prometheus()
  if (format === 'otlp' || format === 'otlp-protobuf') return otlp(format === 'otlp')
  return format === 'jaeger'
    ? list(jaegerTrace, '{"data":[', '],"total":0,"limit":0,"offset":0,"errors":null}\n')
    : list(zipkinTrace, '[', ']\n')
}

const NONE = Buffer.alloc(0)
const never = (): never => {
  throw new TypeError('the form has no place for this signal')
}

function parquet(signal: ExportSignal, product: string): Encoder {
  const file = new ParquetFile(signal, product)
  return {
    begin: () => NONE,
    trace: (trace) => file.trace(trace),
    logs: (records) => file.logs(records),
    metrics: (family) => file.samples(family),
    end: () => file.end(),
    leftOut: 0,
  }
}

function csv(signal: ExportSignal): Encoder {
  const columns = { traces: SPAN_COLUMNS, logs: LOG_COLUMNS, metrics: SAMPLE_COLUMNS }[signal]
  return {
    begin: () => Buffer.from(csvLine(columns)),
    trace: (trace) => Buffer.from(spanLines(trace)),
    logs: (records) => Buffer.from(records.map(logLine).join('')),
    metrics: (family) => Buffer.from(sampleLines(family)),
    end: () => NONE,
    leftOut: 0,
  }
}

function prometheus(): Encoder {
  let open = ''
  let leftOut = 0
  return {
    begin: () => NONE,
    trace: never,
    logs: never,
    metrics(family) {
      const { text, leftOut: more } = expositionSamples(family)
      leftOut += more
      if (text === '') return NONE
      const head = family.metric === open ? '' : expositionHead(family)
      open = family.metric
      return Buffer.from(head + text)
    },
    end: () =>
      leftOut === 0 ? NONE : Buffer.from(`# ${leftOut} native histogram samples have no place in this form\n`),
    get leftOut() {
      return leftOut
    },
  }
}

function otlp(asJson: boolean): Encoder {
  const write = (message: Parameters<typeof encodeOtlp>[0], data: object): Buffer =>
    asJson ? Buffer.from(`${JSON.stringify(data)}\n`) : encodeOtlp(message, data)
  return {
    begin: () => NONE,
    trace: (trace) => write('TracesData', exportOtlp({ ...trace, logs: [] }) as object),
    logs: (records) => write('LogsData', exportOtlpLogs(records)),
    metrics(family) {
      const data = otlpFamily(family)
      return data.resourceMetrics.length === 0 ? NONE : write('MetricsData', data)
    },
    end: () => NONE,
    leftOut: 0,
  }
}

/** One JSON document whose elements are written as they come. */
function list(one: (trace: Trace) => string, begin: string, end: string): Encoder {
  let comma = ''
  return {
    begin: () => Buffer.from(begin),
    trace(trace) {
      const text = one({ ...trace, logs: [] })
      if (text === '') return NONE
      const bytes = Buffer.from(comma + text)
      comma = ','
      return bytes
    },
    logs: never,
    metrics: never,
    end: () => Buffer.from(end),
    leftOut: 0,
  }
}

const jaegerTrace = (trace: Trace): string => JSON.stringify((exportJaeger(trace) as { data: unknown[] }).data[0])
const zipkinTrace = (trace: Trace): string => JSON.stringify(exportZipkin(trace)).slice(1, -1)
