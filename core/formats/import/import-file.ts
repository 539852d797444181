import { GlassboxError } from '../../base/errors.ts'
import type { Decoded, TelemetryBatch } from '../../model/columns.ts'
import { parseBody } from '../otlp/json-values.ts'
import { clientIds } from '../zipkin/decode.ts'
import { jsonPieces } from './json-pieces.ts'
import { MAX_PIECE_BYTES, type Piece } from './piece.ts'
import { isProtobuf, type ProtobufPiece, protobufPieces, signalOf } from './protobuf-pieces.ts'
import { decodeElements, type Form, formOf, fromProtobuf, type ZipkinClients } from './recognise.ts'
import { unpack } from './unpack.ts'

/** One thing found in a file: rows, a refusal with its line, or a warning. */
export interface ImportPart {
  batch?: TelemetryBatch
  refused?: { line: number; reason: string }
  warning?: string
}

/** Elements of a list are decoded together up to these, so that batches are worth their cost. */
const GROUP_ELEMENTS = 2000
/** Client ids of Zipkin spans that one generation remembers. */
const MAX_CLIENT_IDS = 100_000
const GROUP_BYTES = 4 * 1024 * 1024

/**
 * Reads a telemetry file as a stream: OTLP JSON, JSONL or protobuf, Jaeger JSON, Zipkin v2; gzip or zstd inside. A bad
 * line or element costs itself only; what comes before a cut is kept. Memory is bounded by the largest line or element.
 * @param name tells protobuf files by their ending `.pb`
 * @param receivedUs wall clock, µs
 * @param maxPieceBytes a longer line, element or protobuf envelope is refused alone
 */
export async function* importFile(
  chunks: AsyncIterable<Uint8Array>,
  name: string,
  receivedUs: number,
  maxPieceBytes = MAX_PIECE_BYTES,
): AsyncGenerator<ImportPart> {
  const warnings = new Map<string, number>()
  let found = false
  let last = 1
  try {
    for await (const part of parts(unpack(chunks), name, receivedUs, maxPieceBytes)) {
      last = Math.max(last, part.refused?.line ?? part.line ?? 1)
      found ||= part.batch !== undefined || part.refused !== undefined
      if (part.warning === undefined) yield part.batch ? { batch: part.batch } : part
      else warnings.set(part.warning, (warnings.get(part.warning) ?? 0) + 1)
    }
  } catch (error) {
    if (!(error instanceof GlassboxError) || error.code !== 'malformed_body') throw error
    found = true
    yield { refused: { line: last, reason: error.message } }
  }
  for (const [warning, count] of warnings) yield { warning: count > 1 ? `${warning} (${count} times)` : warning }
  if (!found && warnings.size === 0) yield { warning: 'the file holds no spans and no log records' }
}

/** A part and the line it was found on. */
type Part = ImportPart & { line?: number }

async function* parts(
  bytes: AsyncGenerator<Uint8Array>,
  name: string,
  receivedUs: number,
  max: number,
): AsyncGenerator<Part> {
  const first = await bytes.next()
  const head = first.done ? new Uint8Array() : first.value
  const all = rejoin(head, bytes)
  if (isProtobuf(head, name)) yield* fromEnvelopes(protobufPieces(all, max), receivedUs)
  else if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff))
    yield { refused: { line: 1, reason: 'the file is UTF-16; save it as UTF-8' } }
  else yield* fromPieces(jsonPieces(all, max), receivedUs, max)
}

async function* rejoin(head: Uint8Array, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head
  yield* rest
}

/** Envelopes are gathered into requests of a size worth decoding. */
async function* fromEnvelopes(pieces: AsyncGenerator<ProtobufPiece>, receivedUs: number): AsyncGenerator<Part> {
  let waiting: { at: number; bytes: Uint8Array }[] = []
  let size = 0
  let signal = ''
  const flush = function* (): Generator<Part> {
    const together = [...attempted(1, () => fromProtobuf(Buffer.concat(waiting.map(({ bytes }) => bytes)), receivedUs))]
    if (!together.some(({ refused }) => refused) || waiting.length === 1) yield* together
    else
      for (const { at, bytes } of waiting)
        yield* attempted(1, () => fromProtobuf(bytes, receivedUs), `in the envelope at byte ${at}: `)
    waiting = []
    size = 0
  }
  for await (const piece of pieces) {
    const found = 'problem' in piece ? '' : attemptSignal(piece.bytes)
    if (found !== signal || size >= GROUP_BYTES) yield* flush()
    signal = found
    if ('problem' in piece) yield { refused: { line: 1, reason: piece.problem } }
    else {
      waiting.push(piece)
      size += piece.bytes.length
    }
  }
  yield* flush()
}

/** What an envelope holds; a damaged one is left to its decoder to refuse. */
function attemptSignal(bytes: Uint8Array): string {
  try {
    return signalOf(bytes)
  } catch (error) {
    if (error instanceof GlassboxError) return 'damaged'
    throw error
  }
}

/** Elements of one form that follow each other, waiting to be decoded together. */
interface Group {
  form: Form
  bytes: number
  values: unknown[]
  /** Line of each value. */
  lines: number[]
}

async function* fromPieces(pieces: AsyncGenerator<Piece>, receivedUs: number, max: number): AsyncGenerator<Part> {
  let group: Group | null = null
  // The halves of a Zipkin span may lie far apart: two generations of client ids, the older one is forgotten.
  let clients: [Set<string>, Set<string>] = [new Set(), new Set()]
  const flush = function* (): Generator<Part> {
    if (group?.form === 'zipkin') {
      if (clients[1].size > MAX_CLIENT_IDS) clients = [clients[1], new Set()]
      for (const id of clientIds(group.values)) clients[1].add(id)
    }
    if (group) yield* decodeGroup(group, receivedUs, clients)
    group = null
  }
  for await (const piece of pieces) {
    const read = readPiece(piece, max)
    if ('reason' in read) {
      yield* flush()
      yield { refused: { line: piece.line, reason: read.reason } }
      continue
    }
    const { form, value } = read
    if (group && (group.form !== form || form === 'document' || isFull(group))) yield* flush()
    group ??= { form, bytes: 0, values: [], lines: [] }
    group.bytes += piece.bytes?.length ?? 0
    // A Zipkin file may be a list of traces, each a list of spans.
    for (const element of form === 'zipkin' && Array.isArray(value) ? value : [value]) {
      group.values.push(element)
      group.lines.push(piece.line)
    }
  }
  yield* flush()
}

function isFull(group: Group): boolean {
  return group.values.length >= GROUP_ELEMENTS || group.bytes >= GROUP_BYTES
}

function readPiece(piece: Piece, max: number): { form: Form; value: unknown } | { reason: string } {
  if (piece.bytes === null) return { reason: `longer than ${max} bytes, which is the most one may have` }
  try {
    const value = parseBody(piece.bytes, piece)
    return { form: formOf(value, piece.place), value }
  } catch (error) {
    if (error instanceof GlassboxError) return { reason: error.message }
    throw error
  }
}

/** Decodes a group. Where something in it is refused, a second pass one by one finds out on which line. */
function* decodeGroup({ form, values, lines }: Group, receivedUs: number, clients: ZipkinClients): Generator<Part> {
  const decode = (elements: unknown[]) => () => decodeElements(form, elements, receivedUs, clients)
  const together = [...attempted(lines[0], decode(values))]
  const refused = together.some((part) => part.refused)
  if (!refused || values.length === 1) {
    yield* together
    return
  }
  const batches = together.filter(({ batch }) => batch)
  yield* batches
  for (const [index, value] of values.entries()) {
    for (const part of attempted(lines[index], decode([value]))) if (!part.batch || batches.length === 0) yield part
  }
}

function* attempted(line: number, work: () => Decoded<TelemetryBatch>[], where = ''): Generator<Part> {
  let decoded: Decoded<TelemetryBatch>[]
  try {
    decoded = work()
  } catch (error) {
    yield { refused: { line, reason: where + refusalOf(error) } }
    return
  }
  for (const { batch, rejected, warnings } of decoded) {
    for (const { reason, count, example } of rejected)
      yield { refused: { line, reason: `${where}${reason}: ${example}${count > 1 ? ` (${count} times)` : ''}` } }
    for (const warning of warnings) yield { warning }
    if (batch.n > 0) yield { batch, line }
  }
}

/** Why it was refused; anything else is a fault of ours and goes on. */
function refusalOf(error: unknown): string {
  if (error instanceof GlassboxError) return error.message
  if (error instanceof RangeError) return 'this is nested too deep to be read'
  throw error
}
