import { decodeLogsJson, decodeTracesJson } from '../formats/otlp/decode-json.ts'
import { decodeLogsProtobuf, decodeTracesProtobuf } from '../formats/otlp/decode-protobuf.ts'
import { decodeZipkinJson } from '../formats/zipkin/decode.ts'
import type { Decoded, TelemetryBatch } from '../model/columns.ts'
import type { IngestFormat } from './ingest.ts'

/**
 * Decodes an inflated body.
 * @throws GlassboxError `malformed_body` naming where and why.
 */
export function decodeBody(
  signal: 'traces' | 'logs',
  format: IngestFormat,
  bytes: Uint8Array,
  receivedUs: number,
): Decoded<TelemetryBatch> {
  if (format === 'zipkin-json') return decodeZipkinJson(bytes, receivedUs)
  const decode = decoders[signal][format]
  return decode(bytes, receivedUs)
}

const decoders = {
  traces: { 'otlp-protobuf': decodeTracesProtobuf, 'otlp-json': decodeTracesJson },
  logs: { 'otlp-protobuf': decodeLogsProtobuf, 'otlp-json': decodeLogsJson },
}
