import type { TextOrigin } from '../otlp/json-values.ts'
import { Gathering, type Piece, STREAMED } from './piece.ts'

const [QUOTE, BACKSLASH, COMMA, COLON, NEWLINE] = [0x22, 0x5c, 0x2c, 0x3a, 0x0a]
const [BRACE, BRACE_END, BRACKET, BRACKET_END] = [0x7b, 0x7d, 0x5b, 0x5d]
/** Longer keys are none that we look for. */
const MAX_KEY_BYTES = 1024

/**
 * Cuts documents of JSON into pieces. Elements of an outermost list, and of the lists of an outermost object that
 * STREAMED names, become pieces of their own; without such a list the whole object is one. Follows brackets and strings
 * only: whether a piece is JSON is for its decoder to say.
 */
export class DocumentCutter {
  #state: 'top' | 'word' | 'list' | 'object' | 'key' | 'colon' | 'value' | 'capture' = 'top'
  #line = 1
  /** Byte at which the line at hand begins. */
  #lineStart: number
  /** Whether a comma stands before: an element must follow it. */
  #afterComma = false
  /** Bytes before the chunk at hand. */
  #before: number
  #text: Gathering
  #start: TextOrigin = { line: 1, at: 0, column: 1 }
  #place: Piece['place'] = 'own'
  /** The outermost object, if it is one: where it began, and what of it is not streamed. */
  #object: TextOrigin | null = null
  #members: Gathering
  #key: number[] = []
  #streamed = false
  /** Of the value being captured: whether it is a member of the object, brackets open, whether inside a string. */
  #isMember = false
  #fresh = false
  #depth = 0
  #inString = false
  #escaped = false

  constructor(at: number, max: number) {
    this.#before = at
    this.#lineStart = at
    this.#text = new Gathering(max)
    this.#members = new Gathering(max)
  }

  *push(chunk: Buffer): Generator<Piece> {
    let i = 0
    while (i < chunk.length) {
      if (this.#state === 'capture') {
        const end = this.#captureEnd(chunk, i)
        this.#text.add(chunk.subarray(i, end))
        i = end
        if (i < chunk.length) yield* this.#captured()
        continue
      }
      const byte = chunk[i]
      if (this.#state === 'key') this.#readKey(byte)
      else if (this.#state === 'word') {
        if (byte === NEWLINE) yield* this.#endOfWord()
        else this.#text.add(chunk.subarray(i, i + 1))
      } else if (byte > 0x20) {
        yield* this.#between(byte, this.#here(i))
        // A value begins with this very byte.
        if (this.#begins()) continue
      }
      if (byte === NEWLINE) this.#newLine(i)
      i++
    }
    this.#before += chunk.length
  }

  /** A file that ends inside a piece gives what there is of it, for its decoder to say that it ends too early. */
  *end(): Generator<Piece> {
    if (this.#state === 'word') yield* this.#endOfWord()
    else if (this.#state === 'capture' && !this.#isMember) {
      const whole = this.#depth === 0 && !this.#inString && !this.#fresh
      yield this.#piece()
      // The element is whole and its list is not.
      if (whole) yield { ...this.#here(0), place: 'own', bytes: Buffer.alloc(0) }
    } else if (this.#state !== 'top') {
      const here = this.#here(0)
      yield { ...(this.#streamed ? here : (this.#object ?? here)), place: 'own', bytes: Buffer.alloc(0) }
    }
  }

  #here(i: number): TextOrigin {
    const at = this.#before + i
    return { line: this.#line, at, column: at - this.#lineStart + 1 }
  }

  #newLine(i: number): void {
    this.#line++
    this.#lineStart = this.#before + i + 1
  }

  #begins(): boolean {
    return this.#state === 'capture' || this.#state === 'word'
  }

  *#between(byte: number, here: TextOrigin): Generator<Piece> {
    if (this.#state === 'top') {
      this.#object = byte === BRACE ? here : null
      this.#streamed = false
      this.#place = 'list'
      this.#start = here
      this.#afterComma = false
      this.#state = byte === BRACE ? 'object' : byte === BRACKET ? 'list' : 'word'
      if (byte === BRACE) this.#members.add(Buffer.from('{'))
    } else if (this.#state === 'list') {
      if (byte === COMMA && !this.#afterComma) this.#afterComma = true
      else if (byte === BRACKET_END) {
        // `,]`: the list says that one more follows.
        if (this.#afterComma) yield { ...here, place: this.#place, bytes: Buffer.from(']') }
        this.#afterComma = false
        this.#state = this.#object ? 'object' : 'top'
      } else this.#capture(false, here)
    } else if (this.#state === 'object') {
      if (byte === BRACE_END) yield* this.#endOfObject()
      else if (byte === COMMA) this.#members.add(Buffer.from(','))
      else if (byte === QUOTE) {
        this.#key = []
        this.#escaped = false
        this.#state = 'key'
      } else this.#capture(true, here)
    } else if (this.#state === 'colon' && byte === COLON) this.#state = 'value'
    else this.#beginValue(byte, here)
  }

  /** The value of a member: a list to be streamed, or anything else. */
  #beginValue(byte: number, here: TextOrigin): void {
    const key = Buffer.from(this.#key).toString('utf8')
    const streamed = this.#state === 'value' && byte === BRACKET && STREAMED.find((name) => name === key)
    if (streamed) {
      this.#place = streamed
      this.#streamed = true
      this.#state = 'list'
      return
    }
    this.#members.add(Buffer.from(`"${key}"${this.#state === 'value' ? ':' : ''}`))
    this.#capture(true, here)
  }

  #readKey(byte: number): void {
    if (byte === QUOTE && !this.#escaped) this.#state = 'colon'
    else if (this.#key.length < MAX_KEY_BYTES) this.#key.push(byte)
    this.#escaped = byte === BACKSLASH && !this.#escaped
  }

  #capture(isMember: boolean, here: TextOrigin): void {
    this.#isMember = isMember
    if (!isMember) this.#start = here
    this.#afterComma = false
    this.#state = 'capture'
    this.#fresh = true
    this.#depth = 0
    this.#inString = false
    this.#escaped = false
  }

  /** Index of the byte that ends the value, or the chunk's length. A value has at least one byte. */
  #captureEnd(chunk: Buffer, from: number): number {
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i]
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false
        else if (byte === BACKSLASH) this.#escaped = true
        else if (byte === QUOTE) this.#inString = false
      } else if (byte === QUOTE) this.#inString = true
      else if (byte === BRACE || byte === BRACKET) this.#depth++
      else if (byte === BRACE_END || byte === BRACKET_END || byte === COMMA) {
        if (this.#depth === 0 && !this.#fresh) return i
        if (byte !== COMMA && this.#depth > 0) this.#depth--
      }
      if (byte === NEWLINE) this.#newLine(i)
      this.#fresh = false
    }
    return chunk.length
  }

  *#captured(): Generator<Piece> {
    if (this.#isMember) {
      const value = this.#text.take()
      if (value) this.#members.add(value)
      else this.#members.spoil()
      this.#state = 'object'
    } else {
      yield this.#piece()
      this.#state = 'list'
    }
  }

  #piece(): Piece {
    return { ...this.#start, place: this.#place, bytes: this.#text.take() }
  }

  *#endOfObject(): Generator<Piece> {
    this.#members.add(Buffer.from('}'))
    const bytes = this.#members.take()
    if (!this.#streamed && this.#object) yield { ...this.#object, place: 'own', bytes }
    this.#object = null
    this.#state = 'top'
  }

  *#endOfWord(): Generator<Piece> {
    yield { ...this.#start, place: 'own', bytes: this.#text.take() }
    this.#state = 'top'
  }
}
