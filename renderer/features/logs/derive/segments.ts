/** A piece of a log line and how it is drawn. Text from telemetry stays text: nothing here makes markup. */
export interface Segment {
  text: string
  /** ANSI colour name, or empty. */
  colour: string
  bold: boolean
  /** JSON within a message, drawn fainter. */
  dim: boolean
  /** What was searched for. */
  hit: boolean
}

const ESC = String.fromCharCode(27)
const COLOURS = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']
const SGR = new RegExp(`${ESC}\\[([0-9;]*)m`, 'g')
const LONGEST = 5000

/** Control characters made visible: a log line must not act on the page. Line ends and tabs stay. */
export function visibleText(text: string): string {
  if (!hasControls(text)) return text
  return Array.from(text.replace(SGR, ''), (char) => (isControl(char) ? '␛' : char)).join('')
}

function hasControls(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (isControl(text[i])) return true
  return false
}

function isControl(char: string): boolean {
  return (char < ' ' && char !== '\n' && char !== '\t') || char === '\u007f' || (char >= '\u202a' && char <= '\u202e')
}

/** A message as pieces: ANSI colours applied, `hits` (lower case) marked, JSON in it dimmed. At most 5,000 characters. */
export function segmentsOf(body: string, hits: readonly string[]): Segment[] {
  const cut = body.length > LONGEST ? `${body.slice(0, LONGEST)}…` : body
  const pieces = cut.includes(ESC) ? ansi(cut) : [plain(visibleText(cut))]
  return pieces.flatMap(dimJson).flatMap((piece) => markHits(piece, hits))
}

function plain(text: string): Segment {
  return { text, colour: '', bold: false, dim: false, hit: false }
}

function ansi(text: string): Segment[] {
  const pieces: Segment[] = []
  let colour = ''
  let bold = false
  let at = 0
  const push = (to: number): void => {
    if (to > at) pieces.push({ ...plain(visibleText(text.slice(at, to))), colour, bold })
  }
  for (const match of text.matchAll(SGR)) {
    push(match.index)
    at = match.index + match[0].length
    for (const code of match[1].split(';').map(Number)) {
      if (code === 0) {
        colour = ''
        bold = false
      } else if (code === 1) bold = true
      else if (code === 22) bold = false
      else if (code === 39) colour = ''
      else if (code >= 30 && code <= 37) colour = COLOURS[code - 30]
      else if (code >= 90 && code <= 97) colour = COLOURS[code - 90]
    }
  }
  push(text.length)
  return pieces
}

function dimJson(piece: Segment): Segment[] {
  const found = /\s[{[](?=["{[\]}\d]).*[}\]]/s.exec(piece.text)
  if (!found || found.index === 0) return [piece]
  const end = found.index + found[0].length
  return [
    { ...piece, text: piece.text.slice(0, found.index) },
    { ...piece, text: piece.text.slice(found.index, end), dim: true },
    { ...piece, text: piece.text.slice(end) },
  ].filter(({ text }) => text !== '')
}

function markHits(piece: Segment, hits: readonly string[]): Segment[] {
  const lower = piece.text.toLowerCase()
  const found: Segment[] = []
  let at = 0
  while (at < piece.text.length) {
    let next = -1
    let length = 0
    for (const hit of hits) {
      const place = hit === '' ? -1 : lower.indexOf(hit, at)
      if (place !== -1 && (next === -1 || place < next)) {
        next = place
        length = hit.length
      }
    }
    if (next === -1) break
    if (next > at) found.push({ ...piece, text: piece.text.slice(at, next) })
    found.push({ ...piece, text: piece.text.slice(next, next + length), hit: true })
    at = next + length
  }
  if (at < piece.text.length) found.push({ ...piece, text: piece.text.slice(at) })
  return found
}

/** The message spread over lines when it is JSON, else null. */
export function prettyJson(body: string): string | null {
  const text = body.trim()
  if (!/^[{[]/.test(text) || text.length > 1_000_000) return null
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return null
  }
}
