import { decodeLogsJson, decodeTracesJson } from '../formats/otlp/decode-json.ts'
import { decodeLogsProtobuf, decodeTracesProtobuf } from '../formats/otlp/decode-protobuf.ts'
import type { DeltaSums } from '../formats/otlp/delta-sums.ts'
import { readMetricsJson } from '../formats/otlp/metrics-json.ts'
import { readMetricsProtobuf } from '../formats/otlp/metrics-protobuf.ts'
import { samplesFromOtlp } from '../formats/otlp/metrics-to-samples.ts'
import { decodeRemoteWrite1, decodeRemoteWrite2 } from '../formats/remote-write/decode.ts'
import { decodeZipkinJson } from '../formats/zipkin/decode.ts'
import type { Decoded, TelemetryBatch } from '../model/columns.ts'
import type { DecodedSamples } from '../model/decoded-samples.ts'
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
  const decode = decoders[signal][format as 'otlp-protobuf' | 'otlp-json']
  return decode(bytes, receivedUs)
}

const decoders = {
  traces: { 'otlp-protobuf': decodeTracesProtobuf, 'otlp-json': decodeTracesJson },
  logs: { 'otlp-protobuf': decodeLogsProtobuf, 'otlp-json': decodeLogsJson },
}

/**
 * Decodes an inflated body of metrics; deltas are added up in `deltas`.
 * @throws GlassboxError `malformed_body` naming where and why.
 */
export function decodeMetrics(
  format: IngestFormat,
  bytes: Uint8Array,
  receivedUs: number,
  deltas: DeltaSums,
): DecodedSamples {
  const receivedMs = Math.floor(receivedUs / 1000)
  if (format === 'remote-write-1') return decodeRemoteWrite1(bytes)
  if (format === 'remote-write-2') return decodeRemoteWrite2(bytes)
  if (format === 'otlp-protobuf') return samplesFromOtlp(readMetricsProtobuf(bytes), deltas, receivedMs)
  const { resources, warnings } = readMetricsJson(bytes)
  return { ...samplesFromOtlp(resources, deltas, receivedMs), warnings }
}
