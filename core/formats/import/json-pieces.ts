import { jsonFault } from '../otlp/json-fault.ts'
import { DocumentCutter } from './document-cutter.ts'
import { Gathering, MAX_PIECE_BYTES, type Piece } from './piece.ts'

/** So much is looked at to tell lines of JSON from one document. */
const PEEK_BYTES = 1024 * 1024

const NEWLINE = 0x0a

/**
 * Cuts a stream of JSON into pieces with bounded memory: by lines when each line is a value of its own, else by the
 * structure of the document.
 */
export async function* jsonPieces(
  chunks: AsyncIterable<Uint8Array>,
  maxBytes = MAX_PIECE_BYTES,
): AsyncGenerator<Piece> {
  const source = chunks[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  let done = false
  while (!done && head.length < PEEK_BYTES) {
    const next = await source.next()
    if (next.done) done = true
    else head = Buffer.concat([head, next.value])
  }
  const bom = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0
  const cutter = isLines(head.subarray(bom), done) ? new LineCutter(bom, maxBytes) : new DocumentCutter(bom, maxBytes)
  yield* cutter.push(head.subarray(bom))
  while (!done) {
    const next = await source.next()
    if (next.done) done = true
    else yield* cutter.push(Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength))
  }
  yield* cutter.end()
}

/**
 * Whether a file is lines of JSON. Its first line is a whole value then; or it is broken while the second is whole,
 * unless it is the opening bracket of a list with one element a line.
 */
function isLines(head: Buffer, whole: boolean): boolean {
  const lines = head
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
  // The last line of what was looked at may go on.
  if (!whole && lines.length > 1) lines.pop()
  const [first, second] = lines.filter((line) => line !== '')
  if (first === undefined || second === undefined) return false
  const fault = jsonFault(first)
  if (fault === -1) return true
  if (first === '[') return false
  return fault < first.length ? second.startsWith('{') : second.startsWith('{') && jsonFault(second) === -1
}

class LineCutter {
  #line = 1
  #start: number
  #at: number
  #text: Gathering

  constructor(at: number, max: number) {
    this.#at = at
    this.#start = at
    this.#text = new Gathering(max)
  }

  *push(chunk: Buffer): Generator<Piece> {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, from)) {
      this.#text.add(chunk.subarray(from, end))
      from = end + 1
      yield* this.#cut()
      this.#start = this.#at + from
      this.#line++
    }
    this.#text.add(chunk.subarray(from))
    this.#at += chunk.length
  }

  *end(): Generator<Piece> {
    yield* this.#cut()
  }

  *#cut(): Generator<Piece> {
    const bytes = this.#text.take()
    if (bytes === null || bytes.toString('latin1').trim() !== '')
      yield { line: this.#line, at: this.#start, column: 1, place: 'own', bytes }
  }
}
