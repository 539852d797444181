import { GlassboxError } from '../../../base/errors.ts'

/** `line:column` of an offset in the query, both from 1, columns counted in UTF-8 bytes as Prometheus does. */
export function positionText(query: string, offset: number): string {
  if (offset < 0 || offset > query.length) return 'invalid position'
  const before = query.slice(0, offset)
  const lineStart = before.lastIndexOf('\n') + 1
  let line = 1
  for (const char of before) if (char === '\n') line++
  return `${line}:${Buffer.byteLength(before.slice(lineStart)) + 1}`
}

/** A syntax or type error at an offset of the query, worded and placed as Prometheus does. */
export function parseError(query: string, offset: number, text: string): GlassboxError {
  return new GlassboxError('bad_promql', `${positionText(query, offset)}: parse error: ${text}`)
}

/** A byte that is not UTF-8, written by an escape, stands in a text as this lone surrogate plus the byte. */
const INVALID_BYTE = 0xdc00

/** Whether Prometheus 3 takes the text as a label's name: any UTF-8 but the empty one. */
export function isLabelName(text: string): boolean {
  return text !== '' && text.isWellFormed()
}

const ESCAPES: Record<string, string> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
}

function escapeRune(char: string, quote: string): string {
  if (char === quote) return `\\${quote}`
  const known = ESCAPES[char]
  if (known) return known
  const code = char.codePointAt(0) as number
  if (code >= INVALID_BYTE && code < INVALID_BYTE + 0x100) return `\\x${(code - INVALID_BYTE).toString(16)}`
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, '0')}`
  if (code < 0x7f || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(char)) return char
  return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

/** The text in double quotes, escaped as Go's `%q` does. */
export function quoted(text: string): string {
  let out = '"'
  for (const char of text) out += escapeRune(char, '"')
  return `${out}"`
}

/** One character in single quotes, as Go's `%q` prints a rune; -1 stands for the end of the input. */
export function quotedRune(char: string | null): string {
  return char === null ? "'\\uffff'" : `'${escapeRune(char, "'")}'`
}

/** A float as Go's `FormatFloat(f, 'f', -1, 64)` prints it: no exponent, shortest digits that round-trip. */
export function plainFloat(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  if (Object.is(value, -0)) return '-0'
  const text = String(value)
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (!match) return text
  const [, sign, whole, fraction = '', exponent] = match
  const digits = whole + fraction
  const point = whole.length + Number(exponent)
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return sign + digits + '0'.repeat(point - digits.length)
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** A float as Go's `%g` prints it: exponent form below 1e-4 and from 1e21 on. */
export function shortFloat(value: number): string {
  if (!Number.isFinite(value)) return plainFloat(value)
  if (Object.is(value, -0)) return '-0'
  const size = Math.abs(value)
  if (size === 0 || (size >= 1e-4 && size < 1e21)) return plainFloat(value)
  const [mantissa, exponent] = value.toExponential().split('e')
  const power = Number(exponent)
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

const UNITS: readonly (readonly [string, number])[] = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
]

/** Whole ms as `1h30m`; years and weeks only when nothing is left over. */
export function durationText(ms: number): string {
  let rest = Math.trunc(ms)
  if (rest === 0) return '0s'
  let text = ''
  for (const [unit, size] of UNITS) {
    if ((unit === 'y' || unit === 'w') && rest % size !== 0) continue
    const count = Math.floor(rest / size)
    if (count > 0) {
      text += `${count}${unit}`
      rest -= count * size
    }
  }
  return text
}

const DURATION = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/

/** ms of `1h30m`; null when it is none. */
export function durationMs(text: string): number | null {
  if (text === '0') return 0
  const match = text === '' ? null : DURATION.exec(text)
  if (!match) return null
  let ms = 0
  for (let i = 0; i < UNITS.length; i++) if (match[i + 1]) ms += Number(match[i + 1]) * UNITS[i][1]
  return ms
}

const SIMPLE: Record<string, string> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\' }

/** The value of a string token that the lexer has accepted. */
export function unquote(token: string): string {
  const quote = token[0]
  const body = token.slice(1, -1)
  if (quote === '`' || !body.includes('\\')) return body
  const bytes: Buffer[] = []
  const add = (text: string): void => void bytes.push(Buffer.from(text, 'utf8'))
  for (let i = 0; i < body.length; ) {
    const char = body[i]
    if (char !== '\\') {
      const rune = String.fromCodePoint(body.codePointAt(i) as number)
      add(rune)
      i += rune.length
      continue
    }
    const next = body[i + 1]
    const length = next === 'x' ? 2 : next === 'u' ? 4 : next === 'U' ? 8 : 0
    if (length > 0) {
      const code = Number.parseInt(body.slice(i + 2, i + 2 + length), 16)
      if (next === 'x') bytes.push(Buffer.from([code]))
      else add(String.fromCodePoint(code))
      i += 2 + length
    } else if (next >= '0' && next <= '7') {
      bytes.push(Buffer.from([Number.parseInt(body.slice(i + 1, i + 4), 8)]))
      i += 4
    } else {
      add(SIMPLE[next] ?? next)
      i += 2
    }
  }
  return decodeUtf8(Buffer.concat(bytes))
}

function decodeUtf8(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  if (!text.includes('\ufffd')) return text
  let out = ''
  for (let at = 0; at < bytes.length; ) {
    const length = runeLength(bytes[at])
    const rune = bytes.subarray(at, at + length)
    const decoded = rune.toString('utf8')
    if (length > 0 && Buffer.from(decoded).equals(rune)) {
      out += decoded
      at += length
    } else out += String.fromCharCode(INVALID_BYTE + bytes[at++])
  }
  return out
}

function runeLength(lead: number): number {
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
}
