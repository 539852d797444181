import { ByteWriter, ParquetWriter, type SchemaElement } from 'hyparquet-writer'
import type { MetricFamily } from '../model/metric-family.ts'
import type { LogRecord, Trace } from '../model/records.ts'
import { SampleKind } from '../model/series.ts'
import { attributesObject } from './csv.ts'

/**
 * Parquet with typed columns, written row group by row group, so that memory holds one of them whatever the size of the file.
 * Times are TIMESTAMP in UTC with ns (samples: ms), attributes JSON objects, pages packed with Snappy, which every reader knows.
 */

const ROWS_A_GROUP = 20_000
/** Of texts, about: a group is closed earlier where rows are large. */
const CHARACTERS_A_GROUP = 16 * 1024 * 1024

type Cell = string | number | bigint | boolean | object | null

const text = (name: string, optional = false): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: optional ? 'OPTIONAL' : 'REQUIRED',
})
const json = (name: string): SchemaElement => ({
  name,
  type: 'BYTE_ARRAY',
  converted_type: 'JSON',
  repetition_type: 'OPTIONAL',
})
const nanos = (name: string): SchemaElement => ({
  name,
  type: 'INT64',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'NANOS' },
  repetition_type: 'REQUIRED',
})
const millis = (name: string): SchemaElement => ({
  name,
  type: 'INT64',
  converted_type: 'TIMESTAMP_MILLIS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MILLIS' },
  repetition_type: 'REQUIRED',
})
const int64 = (name: string): SchemaElement => ({ name, type: 'INT64', repetition_type: 'REQUIRED' })
const int32 = (name: string): SchemaElement => ({ name, type: 'INT32', repetition_type: 'REQUIRED' })
const double = (name: string): SchemaElement => ({ name, type: 'DOUBLE', repetition_type: 'OPTIONAL' })

const SPANS: SchemaElement[] = [
  text('trace_id'),
  text('span_id'),
  text('parent_id', true),
  text('name'),
  text('kind'),
  text('service'),
  nanos('start'),
  int64('duration_ns'),
  text('status'),
  text('status_message'),
  json('attributes'),
  json('resource'),
  text('scope'),
  text('scope_version'),
  json('events'),
  json('links'),
  text('trace_state'),
  int32('sample_rate'),
]
const LOGS: SchemaElement[] = [
  nanos('time'),
  int32('severity'),
  text('severity_text'),
  text('service'),
  text('body'),
  text('event_name'),
  text('trace_id', true),
  text('span_id', true),
  json('attributes'),
  json('resource'),
  text('scope'),
  text('scope_version'),
]
const SAMPLES: SchemaElement[] = [
  text('metric'),
  text('type'),
  text('unit'),
  json('labels'),
  millis('time'),
  double('value'),
  json('histogram'),
]
const SCHEMAS = { traces: SPANS, logs: LOGS, metrics: SAMPLES }

/** What leads the bytes on their way out: the writer begins anew at the start of its buffer after each taking. */
class DrainedWriter extends ByteWriter {
  take(): Buffer {
    const bytes = Buffer.from(this.getBytes())
    this.index = 0
    return bytes
  }
}

/** A Parquet file as it grows: every call answers the bytes that are ready, which may be none. */
export class ParquetFile {
  readonly #out = new DrainedWriter(1024 * 1024)
  readonly #schema: SchemaElement[]
  readonly #writer: ParquetWriter
  #columns: Cell[][]
  #rows = 0
  #characters = 0

  constructor(signal: keyof typeof SCHEMAS, product: string) {
    const columns = SCHEMAS[signal]
    this.#schema = [{ name: 'root', num_children: columns.length }, ...columns]
    this.#columns = columns.map(() => [])
    this.#writer = new ParquetWriter({ writer: this.#out, schema: this.#schema, createdBy: product })
  }

  trace(trace: Trace): Buffer {
    const resources = trace.resources.map(({ attributes }) => attributesObject(attributes))
    for (const span of trace.spans) {
      const scope = trace.scopes[span.scope]
      this.#row([
        span.traceId,
        span.spanId,
        span.parentId,
        span.name,
        span.kind,
        span.service,
        BigInt(span.start) * 1000n + BigInt(span.startNs),
        BigInt(span.dur) * 1000n + BigInt(span.durNs),
        span.status,
        span.statusMessage,
        attributesObject(span.attributes),
        resources[span.resource],
        scope.name,
        scope.version,
        span.events.length > 0 ? span.events : null,
        span.links.length > 0 ? span.links : null,
        span.traceState,
        span.sampleRate,
      ])
    }
    return this.#ready()
  }

  logs(records: readonly LogRecord[]): Buffer {
    for (const log of records)
      this.#row([
        BigInt(log.time) * 1000n + BigInt(log.timeNs),
        log.severity,
        log.severityText,
        log.service,
        log.body,
        log.eventName,
        log.traceId,
        log.spanId,
        attributesObject(log.attributes),
        attributesObject(log.resource.attributes),
        log.scope.name,
        log.scope.version,
      ])
    return this.#ready()
  }

  samples({ type, unit, series }: MetricFamily): Buffer {
    for (const { labels, times, values, kinds, histograms } of series) {
      const { __name__: name = '', ...rest } = Object.fromEntries(labels)
      times.forEach((time, i) => {
        const histogram = histograms?.[i] ?? null
        if (kinds?.[i] === SampleKind.stale) return
        this.#row([
          name,
          type,
          unit,
          rest,
          BigInt(time),
          histogram ? null : values[i],
          histogram && exactHistogram(histogram),
        ])
      })
    }
    return this.#ready()
  }

  #row(cells: Cell[]): void {
    cells.forEach((cell, column) => {
      this.#columns[column].push(cell)
      this.#characters += typeof cell === 'string' ? cell.length : typeof cell === 'object' && cell !== null ? 200 : 8
    })
    this.#rows++
    if (this.#rows >= ROWS_A_GROUP || this.#characters >= CHARACTERS_A_GROUP) this.#group()
  }

  #group(): void {
    if (this.#rows === 0) return
    const columnData = this.#columns.map((data, column) => ({
      name: this.#schema[column + 1].name,
      data,
      offsetIndex: false,
    }))
    // Nothing is waited for: the writer has no flush.
    void this.#writer.write({ columnData, rowGroupSize: this.#rows })
    this.#columns = this.#columns.map(() => [])
    this.#rows = 0
    this.#characters = 0
  }

  #ready(): Buffer {
    return this.#out.take()
  }

  end(): Buffer {
    this.#group()
    void this.#writer.finish()
    return this.#out.take()
  }
}

/** JSON has no NaN and no infinities: they are written as text. */
function exactHistogram(histogram: object): object {
  return JSON.parse(
    JSON.stringify(histogram, (_key, value: unknown) =>
      typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
    ),
  ) as object
}
