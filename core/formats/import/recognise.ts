import { GlassboxError } from '../../base/errors.ts'
import type { Decoded, TelemetryBatch } from '../../model/columns.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import { jaegerFromJson } from '../jaeger/decode.ts'
import { logsFromJson, tracesFromJson } from '../otlp/decode-json.ts'
import { decodeLogsProtobuf, decodeTracesProtobuf } from '../otlp/decode-protobuf.ts'
import { DeltaSums } from '../otlp/delta-sums.ts'
import { asList, asObject, type Json } from '../otlp/json-values.ts'
import { metricsFromJson } from '../otlp/metrics-json.ts'
import { readMetricsProtobuf } from '../otlp/metrics-protobuf.ts'
import { samplesFromOtlp } from '../otlp/metrics-to-samples.ts'
import { zipkinFromJson } from '../zipkin/decode.ts'
import type { Piece } from './piece.ts'
import { signalOf } from './protobuf-pieces.ts'

/** Rows of traces or logs, or samples of metrics. */
export type AnyDecoded = Decoded<TelemetryBatch> | { samples: DecodedSamples }

/** What a JSON element is, as far as elements that stand together can be decoded together. */
export type Form = 'zipkin' | 'jaeger' | 'resourceSpans' | 'resourceLogs' | 'resourceMetrics' | 'document'

/** Lists of lists of requests; more is no file that anything writes. */
const MAX_LISTS = 4

/** @throws GlassboxError `malformed_body` when it is nothing that we read */
export function formOf(value: unknown, place: Piece['place']): Form {
  if (place === 'batches' || place === 'resourceSpans' || place === 'resourceLogs' || place === 'resourceMetrics') {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw new GlassboxError('malformed_body', `an element of ${place} is not an object`)
    return place === 'batches' ? 'resourceSpans' : place
  }
  const object = asObject(Array.isArray(value) ? value[0] : value)
  if (place !== 'own' && 'traceId' in object && 'id' in object) return 'zipkin'
  if (place !== 'own' && 'spans' in object && !Array.isArray(value)) return 'jaeger'
  if (place === 'data') throw new GlassboxError('malformed_body', 'this is not a Jaeger trace: it has no list of spans')
  return 'document'
}

/** Ids of client spans read before: a Zipkin server span of the same id is the other half of one of them. */
export type ZipkinClients = readonly ReadonlySet<string>[]

/** Decodes elements of one form together. */
export function decodeElements(
  form: Form,
  values: unknown[],
  receivedUs: number,
  clients: ZipkinClients = [],
  deltas: DeltaSums = new DeltaSums(),
): AnyDecoded[] {
  switch (form) {
    case 'zipkin':
      return [zipkinFromJson(values, receivedUs, clients)]
    case 'jaeger':
      return [jaegerFromJson(values, receivedUs)]
    case 'resourceSpans':
      return [tracesFromJson({ resourceSpans: values }, receivedUs)]
    case 'resourceLogs':
      return [logsFromJson({ resourceLogs: values }, receivedUs)]
    case 'resourceMetrics':
      return [metricsOf({ resourceMetrics: values }, receivedUs, deltas)]
    default:
      return values.flatMap((value) => fromDocument(value, receivedUs, deltas))
  }
}

/** A document or line of its own. @throws GlassboxError `malformed_body` */
function fromDocument(body: unknown, receivedUs: number, deltas: DeltaSums, depth = 0): AnyDecoded[] {
  if (depth > MAX_LISTS) throw new GlassboxError('malformed_body', `lists are nested deeper than ${MAX_LISTS}`)
  if (Array.isArray(body)) {
    const form = body.length > 0 ? formOf(body[0], 'list') : 'document'
    return form === 'document'
      ? body.flatMap((item) => fromDocument(item, receivedUs, deltas, depth + 1))
      : decodeElements(form, body, receivedUs, [], deltas)
  }
  const object = asObject(body)
  if ('resourceSpans' in object || 'resourceLogs' in object || 'resourceMetrics' in object)
    return fromOtlp(object, receivedUs, deltas)
  if ('trace' in object) return fromDocument(object.trace, receivedUs, deltas, depth + 1)
  if ('batches' in object) return [tracesFromJson({ resourceSpans: object.batches }, receivedUs)]
  if ('spans' in object || 'data' in object) return [jaegerFromJson(object, receivedUs)]
  if (typeof object.context === 'object' && 'start_time' in object) {
    throw new GlassboxError(
      'malformed_body',
      'this is the console exporter of the Python SDK, which is not OTLP',
      'Use an OTLP file exporter.',
    )
  }
  const snake = Object.keys(object).find((name) => /^resource_(spans|logs|metrics)$/.test(name))
  if (snake)
    throw new GlassboxError('malformed_body', `${snake} is not OTLP/JSON, which knows lowerCamelCase names only`)
  if ('traceID' in object && 'spanID' in object)
    throw new GlassboxError(
      'malformed_body',
      'this is a span of Jaeger outside a trace object with spans and processes',
    )
  throw new GlassboxError(
    'malformed_body',
    `this is neither OTLP, Jaeger nor Zipkin (found ${Object.keys(object).slice(0, 4).join(', ') || 'no object'})`,
  )
}

function fromOtlp(object: Json, receivedUs: number, deltas: DeltaSums): AnyDecoded[] {
  const decoded: AnyDecoded[] = []
  for (const form of ['resourceSpans', 'resourceLogs', 'resourceMetrics'] as const) {
    const values = asList(object[form])
    if (values.length > 0) decoded.push(...decodeElements(form, values, receivedUs, [], deltas))
  }
  return decoded
}

function metricsOf(body: object, receivedUs: number, deltas: DeltaSums): { samples: DecodedSamples } {
  const { resources, warnings } = metricsFromJson(body)
  return { samples: { ...samplesFromOtlp(resources, deltas, Math.floor(receivedUs / 1000)), warnings } }
}

/** A request in protobuf; `signalOf` finds out what it holds. @throws GlassboxError `malformed_body` */
export function fromProtobuf(bytes: Uint8Array, receivedUs: number, deltas: DeltaSums): AnyDecoded[] {
  switch (signalOf(bytes)) {
    case 'traces':
      return [decodeTracesProtobuf(bytes, receivedUs)]
    case 'logs':
      return [decodeLogsProtobuf(bytes, receivedUs)]
    case 'metrics':
      return [{ samples: samplesFromOtlp(readMetricsProtobuf(bytes), deltas, Math.floor(receivedUs / 1000)) }]
    case 'empty':
      return []
  }
}
