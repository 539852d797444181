import { GlassboxError } from '../../base/errors.ts'
import type { Decoded, TelemetryBatch } from '../../model/columns.ts'
import { parseBody } from '../otlp/json-values.ts'
import { jsonPieces } from './json-pieces.ts'
import { MAX_PIECE_BYTES, type Piece } from './piece.ts'
import { decodeElements, type Form, formOf, fromProtobuf } from './recognise.ts'
import { unpack } from './unpack.ts'

/** One thing found in a file: rows, a refusal with its line, or a warning. */
export interface ImportPart {
  batch?: TelemetryBatch
  refused?: { line: number; reason: string }
  warning?: string
}

/** A protobuf file is one message, decoded at once. */
const MAX_PROTOBUF_BYTES = 256 * 1024 * 1024
/** Elements of a list are decoded together up to these, so that batches are worth their cost. */
const GROUP_ELEMENTS = 2000
const GROUP_BYTES = 4 * 1024 * 1024

/**
 * Reads a telemetry file as a stream: OTLP JSON, JSONL or protobuf, Jaeger JSON, Zipkin v2; gzip or zstd inside. A bad
 * line or element costs itself only; what comes before a cut is kept. Memory is bounded by the largest line or element.
 * @param name tells protobuf files by their ending `.pb`
 */
export async function* importFile(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  receivedUs: number,
): AsyncGenerator<ImportPart> {
  const warnings = new Map<string, number>()
  let found = false
  try {
    for await (const part of parts(unpack(chunks), name, receivedUs)) {
      found ||= part.batch !== undefined || part.refused !== undefined
      if (part.warning === undefined) yield part
      else warnings.set(part.warning, (warnings.get(part.warning) ?? 0) + 1)
    }
  } catch (error) {
    if (!(error instanceof GlassboxError) || error.code !== 'malformed_body') throw error
    found = true
    yield { refused: { line: 0, reason: error.message } }
  }
  for (const [warning, count] of warnings) yield { warning: count > 1 ? `${warning} (${count} times)` : warning }
  if (!found && warnings.size === 0) yield { warning: 'the file holds no spans and no log records' }
}

async function* parts(bytes: AsyncGenerator<Uint8Array>, name: string, receivedUs: number): AsyncGenerator<ImportPart> {
  const first = await bytes.next()
  const head = first.done ? new Uint8Array() : first.value
  const all = rejoin(head, bytes)
  if (/\.(pb|bin|proto)$/i.test(name) || looksLikeProtobuf(head)) yield* fromMessage(all, receivedUs)
  else yield* fromPieces(jsonPieces(all), receivedUs)
}

async function* rejoin(head: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head
  yield* rest
}

function looksLikeProtobuf(bytes: Uint8Array): boolean {
  return bytes[0] === 0x0a && bytes.length > 2 && bytes.subarray(0, 64).some((byte) => byte < 9)
}

async function* fromMessage(bytes: AsyncGenerator<Uint8Array>, receivedUs: number): AsyncGenerator<ImportPart> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of bytes) {
    size += chunk.length
    if (size > MAX_PROTOBUF_BYTES)
      throw new GlassboxError(
        'too_large',
        `a protobuf file may have ${MAX_PROTOBUF_BYTES} bytes`,
        'Split it, or send it as JSON lines.',
      )
    chunks.push(chunk)
  }
  yield* attempted(1, () => fromProtobuf(Buffer.concat(chunks), receivedUs))
}

/** Elements of one form that follow each other, waiting to be decoded together. */
interface Group {
  form: Form
  line: number
  bytes: number
  values: unknown[]
}

async function* fromPieces(pieces: AsyncGenerator<Piece>, receivedUs: number): AsyncGenerator<ImportPart> {
  let group: Group | null = null
  for await (const piece of pieces) {
    const read = readPiece(piece)
    if ('reason' in read) {
      if (group) yield* decodeGroup(group, receivedUs)
      group = null
      yield { refused: { line: piece.line, reason: read.reason } }
      continue
    }
    if (group && (group.form !== read.form || read.form === 'document' || isFull(group))) {
      yield* decodeGroup(group, receivedUs)
      group = null
    }
    group ??= { form: read.form, line: piece.line, bytes: 0, values: [] }
    group.bytes += piece.bytes?.length ?? 0
    // A Zipkin file may be a list of traces, each a list of spans.
    if (Array.isArray(read.value) && read.form === 'zipkin') group.values.push(...read.value)
    else group.values.push(read.value)
  }
  if (group) yield* decodeGroup(group, receivedUs)
}

function isFull(group: Group): boolean {
  return group.values.length >= GROUP_ELEMENTS || group.bytes >= GROUP_BYTES
}

function readPiece(piece: Piece): { form: Form; value: unknown } | { reason: string } {
  if (piece.bytes === null) return { reason: `longer than ${MAX_PIECE_BYTES} bytes, which is the most one may have` }
  try {
    const value = parseBody(piece.bytes, piece)
    return { form: formOf(value, piece.place), value }
  } catch (error) {
    if (error instanceof GlassboxError) return { reason: error.message }
    throw error
  }
}

/** Decodes a group; when that fails, each of its elements alone, so that only the bad one is refused. */
function* decodeGroup({ form, line, values }: Group, receivedUs: number): Generator<ImportPart> {
  const decoded = [...attempted(line, () => decodeElements(form, values, receivedUs))]
  const failed = decoded.length === 1 && decoded[0].refused !== undefined && values.length > 1
  if (!failed) yield* decoded
  else for (const value of values) yield* attempted(line, () => decodeElements(form, [value], receivedUs))
}

function* attempted(line: number, work: () => Decoded<TelemetryBatch>[]): Generator<ImportPart> {
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
