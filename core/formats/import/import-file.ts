import { GlassboxError } from '../../base/errors.ts'
import type { TelemetryBatch } from '../../model/columns.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import { DeltaSums } from '../otlp/delta-sums.ts'
import { parseBody } from '../otlp/json-values.ts'
import { clientIds } from '../zipkin/decode.ts'
import { expositionParts, isExposition } from './exposition-file.ts'
import { jsonPieces } from './json-pieces.ts'
import { MAX_PIECE_BYTES, type Piece } from './piece.ts'
import { isProtobuf, type ProtobufPiece, protobufPieces, signalOf } from './protobuf-pieces.ts'
import { type AnyDecoded, decodeElements, type Form, formOf, fromProtobuf, type ZipkinClients } from './recognise.ts'
import { unpack } from './unpack.ts'

/** One thing found in a file: rows, a refusal with its line, or a warning. */
export interface ImportPart {
  batch?: TelemetryBatch
  samples?: DecodedSamples
  refused?: { line: number; reason: string }
  warning?: string
}

/** Elements of a list are decoded together up to these, so that batches are worth their cost. */
const GROUP_ELEMENTS = 2000
/** Client ids of Zipkin spans that one generation remembers. */
const MAX_CLIENT_IDS = 100_000
const GROUP_BYTES = 4 * 1024 * 1024
const HEAD_BYTES = 64 * 1024

/**
 * Reads a telemetry file as a stream: OTLP JSON, JSONL or protobuf, Jaeger JSON, Zipkin v2, Prometheus text and
 * OpenMetrics; gzip or zstd inside. A bad
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
      found ||= part.batch !== undefined || part.samples !== undefined || part.refused !== undefined
      if (part.warning === undefined) {
        if (part.batch) yield { batch: part.batch }
        else if (part.samples) yield { samples: part.samples }
        else yield part
      } else warnings.set(part.warning, (warnings.get(part.warning) ?? 0) + 1)
    }
  } catch (error) {
    if (!(error instanceof GlassboxError) || error.code !== 'malformed_body') throw error
    found = true
    yield { refused: { line: last, reason: error.message } }
  }
  for (const [warning, count] of warnings) yield { warning: count > 1 ? `${warning} (${count} times)` : warning }
  if (!found && warnings.size === 0) yield { warning: 'the file holds no spans, log records or metrics' }
}

/** A part and the line it was found on. */
type Part = ImportPart & { line?: number }

async function* parts(
  bytes: AsyncGenerator<Uint8Array>,
  name: string,
  receivedUs: number,
  max: number,
): AsyncGenerator<Part> {
  const { head, fault } = await headOf(bytes)
  const all = rejoin(head, fault, bytes)
  if (isProtobuf(head, name)) yield* fromEnvelopes(protobufPieces(all, max), receivedUs)
  else if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff))
    yield { refused: { line: 1, reason: 'the file is UTF-16; save it as UTF-8' } }
  else if (isExposition(head)) yield* expositionParts(all, head, name, Math.floor(receivedUs / 1000), max)
  else yield* fromPieces(jsonPieces(all, max), receivedUs, max)
}

/** Enough of a file to tell what it is, or all of it; `fault` is where it broke off before that. */
async function headOf(bytes: AsyncGenerator<Uint8Array>): Promise<{ head: Uint8Array; fault: unknown }> {
  const parts: Uint8Array[] = []
  let size = 0
  let fault: unknown = null
  while (size < HEAD_BYTES) {
    const next = await bytes.next().catch((error: unknown) => {
      fault = error
      return { done: true as const }
    })
    if (next.done) break
    // Chunks are views on memory that their stream may use again.
    parts.push(Buffer.from(next.value))
    size += next.value.length
  }
  return { head: Buffer.concat(parts), fault }
}

async function* rejoin(head: Uint8Array, fault: unknown, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head
  if (fault !== null) throw fault
  yield* rest
}

/** Envelopes are gathered into requests of a size worth decoding. */
async function* fromEnvelopes(pieces: AsyncGenerator<ProtobufPiece>, receivedUs: number): AsyncGenerator<Part> {
  let waiting: { at: number; bytes: Uint8Array }[] = []
  let size = 0
  let signal = ''
  const deltas = new DeltaSums()
  const flush = function* (): Generator<Part> {
    const together = [
      ...attempted(1, () => fromProtobuf(Buffer.concat(waiting.map(({ bytes }) => bytes)), receivedUs, deltas)),
    ]
    const taken = together.some(({ samples }) => samples !== undefined)
    if (!together.some(({ refused }) => refused) || waiting.length === 1 || taken) yield* together
    else
      for (const { at, bytes } of waiting)
        yield* attempted(1, () => fromProtobuf(bytes, receivedUs, deltas), `in the envelope at byte ${at}: `)
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
  const deltas = new DeltaSums()
  const flush = function* (): Generator<Part> {
    if (group?.form === 'zipkin') {
      if (clients[1].size > MAX_CLIENT_IDS) clients = [clients[1], new Set()]
      for (const id of clientIds(group.values)) clients[1].add(id)
    }
    if (group) yield* decodeGroup(group, receivedUs, clients, deltas)
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
function* decodeGroup(
  { form, values, lines }: Group,
  receivedUs: number,
  clients: ZipkinClients,
  deltas: DeltaSums,
): Generator<Part> {
  const decode = (elements: unknown[], sums: DeltaSums) => () =>
    decodeElements(form, elements, receivedUs, clients, sums)
  const together = [...attempted(lines[0], decode(values, deltas))]
  const refused = together.some((part) => part.refused)
  if (!refused || values.length === 1) {
    yield* together
    return
  }
  const batches = together.filter(({ batch, samples }) => batch || samples)
  yield* batches
  for (const [index, value] of values.entries()) {
    // Deltas were added up above: this pass only looks for the line at fault.
    for (const part of attempted(lines[index], decode([value], new DeltaSums())))
      if ((!part.batch && !part.samples) || batches.length === 0) yield part
  }
}

function* attempted(line: number, work: () => AnyDecoded[], where = ''): Generator<Part> {
  let decoded: AnyDecoded[]
  try {
    decoded = work()
  } catch (error) {
    yield { refused: { line, reason: where + refusalOf(error) } }
    return
  }
  for (const one of decoded) {
    const { rejected, warnings } = 'samples' in one ? one.samples : one
    for (const { reason, count, example } of rejected)
      yield { refused: { line, reason: `${where}${reason}: ${example}${count > 1 ? ` (${count} times)` : ''}` } }
    for (const warning of warnings) yield { warning }
    // What is refused is said above; the pipeline is not to say it again.
    if ('samples' in one) {
      if (one.samples.points > 0) yield { samples: { ...one.samples, rejected: [], warnings: [] }, line }
    } else if (one.batch.n > 0) yield { batch: one.batch, line }
  }
}

/** Why it was refused; anything else is a fault of ours and goes on. */
function refusalOf(error: unknown): string {
  if (error instanceof GlassboxError) return error.message
  if (error instanceof RangeError) return 'this is nested too deep to be read'
  throw error
}
