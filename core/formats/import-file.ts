import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { GlassboxError } from '../base/errors.ts'
import type { Decoded, TelemetryBatch } from '../model/columns.ts'
import { jaegerFromJson } from './jaeger/decode.ts'
import { logsFromJson, tracesFromJson } from './otlp/decode-json.ts'
import { decodeLogsProtobuf, decodeTracesProtobuf } from './otlp/decode-protobuf.ts'
import { asList, asObject, type Json, parseBody } from './otlp/json-values.ts'
import { zipkinFromJson } from './zipkin/decode.ts'

/** One thing found in a file: rows, a refusal with its line, or a warning. */
export interface ImportPart {
  batch?: TelemetryBatch
  refused?: { line: number; reason: string }
  warning?: string
}

const MAX_BYTES = 1024 * 1024 * 1024
const MAX_INFLATED = 1024 * 1024 * 1024

/**
 * Reads a telemetry file: OTLP JSON, JSONL or protobuf, Jaeger JSON, Zipkin v2; gzip or zstd inside. A bad line costs
 * that line only.
 * @param name tells protobuf files by their ending `.pb`
 */
export async function* importFile(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  receivedUs: number,
): AsyncGenerator<ImportPart> {
  const bytes = unpack(await collect(chunks))
  if (/\.(pb|bin|proto)$/i.test(name) || looksLikeProtobuf(bytes)) {
    yield* guarded(1, () => fromProtobuf(bytes, receivedUs))
    return
  }
  const text = new TextDecoder().decode(bytes).replace(/^\uFEFF/, '')
  const lines = text.split('\n').filter((line) => line.trim() !== '').length
  if (lines <= 1) {
    yield* guarded(1, () => fromJson(parseBody(bytes), receivedUs))
    return
  }
  const whole = attempt(() => JSON.parse(text) as unknown)
  if (whole !== undefined) {
    yield* guarded(1, () => fromJson(parseBody(Buffer.from(text)), receivedUs))
    return
  }
  const rows = text.split('\n')
  if (attempt(() => JSON.parse(rows[0]) as unknown) === undefined) {
    yield* guarded(1, () => fromJson(parseBody(Buffer.from(text)), receivedUs))
    return
  }
  for (const [index, row] of rows.entries()) {
    if (row.trim() === '') continue
    yield* guarded(index + 1, () => fromJson(parseBody(Buffer.from(row.trim())), receivedUs))
  }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.length
    if (size > MAX_BYTES)
      throw new GlassboxError('too_large', `the file is larger than ${MAX_BYTES} bytes`, 'Split it into smaller files.')
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

function unpack(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes, { maxOutputLength: MAX_INFLATED })
  if (bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd)
    return zstdDecompressSync(bytes, { maxOutputLength: MAX_INFLATED })
  return bytes
}

function looksLikeProtobuf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x0a && bytes.length > 2 && bytes.subarray(0, 64).some((byte) => byte < 9)
}

function attempt<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

function* guarded(line: number, work: () => Decoded<TelemetryBatch>[]): Generator<ImportPart> {
  let decoded: Decoded<TelemetryBatch>[]
  try {
    decoded = work()
  } catch (error) {
    if (!(error instanceof GlassboxError)) throw error
    yield { refused: { line, reason: error.message } }
    return
  }
  for (const { batch, rejected, warnings } of decoded) {
    for (const { reason, count, example } of rejected)
      yield { refused: { line, reason: `${reason}: ${example}${count > 1 ? ` (${count} times)` : ''}` } }
    for (const warning of warnings) yield { warning }
    if (batch.n > 0) yield { batch }
  }
}

/** A request does not say what it is: spans have ids that decode, log records do not look like spans. */
function fromProtobuf(bytes: Uint8Array, receivedUs: number): Decoded<TelemetryBatch>[] {
  const traces = attempt(() => decodeTracesProtobuf(bytes, receivedUs))
  if (traces && traces.batch.n > 0 && traces.rejected.length === 0) return [traces]
  const logs = attempt(() => decodeLogsProtobuf(bytes, receivedUs))
  if (logs && logs.batch.n > 0) return [logs]
  if (traces) return [traces]
  return [decodeTracesProtobuf(bytes, receivedUs)]
}

function fromJson(body: unknown, receivedUs: number): Decoded<TelemetryBatch>[] {
  if (Array.isArray(body)) return fromList(body, receivedUs)
  const object = asObject(body)
  if ('resourceSpans' in object || 'resourceLogs' in object || 'resourceMetrics' in object)
    return fromOtlp(object, receivedUs)
  if ('batches' in object) return [tracesFromJson({ resourceSpans: object.batches }, receivedUs)]
  if ('spans' in object || 'data' in object) return [jaegerFromJson(object, receivedUs)]
  if (typeof object.context === 'object' && 'start_time' in object) {
    throw new GlassboxError(
      'malformed_body',
      'this is the console exporter of the Python SDK, which is not OTLP',
      'Use an OTLP file exporter.',
    )
  }
  throw new GlassboxError(
    'malformed_body',
    `this is neither OTLP, Jaeger nor Zipkin (found ${Object.keys(object).slice(0, 4).join(', ') || 'no object'})`,
  )
}

function fromList(list: unknown[], receivedUs: number): Decoded<TelemetryBatch>[] {
  const first = Array.isArray(list[0]) ? asObject(list[0][0]) : asObject(list[0])
  if ('traceId' in first && 'id' in first) return [zipkinFromJson(list, receivedUs)]
  if ('spans' in first) return [jaegerFromJson(list, receivedUs)]
  return list.flatMap((item) => fromJson(item, receivedUs))
}

function fromOtlp(object: Json, receivedUs: number): Decoded<TelemetryBatch>[] {
  const decoded: Decoded<TelemetryBatch>[] = []
  if ('resourceSpans' in object) decoded.push(tracesFromJson(object, receivedUs))
  if ('resourceLogs' in object) decoded.push(logsFromJson(object, receivedUs))
  if (asList(object.resourceMetrics).length > 0) {
    const empty = tracesFromJson({}, receivedUs)
    decoded.push({ ...empty, warnings: ['the file holds metrics, which are not stored by this version'] })
  }
  return decoded
}
