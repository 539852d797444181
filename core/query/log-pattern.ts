/**
 * The message with `<*>` in place of what usually differs between two lines from the same place in a program: numbers,
 * ids, addresses, times, quoted texts and JSON. Only the first line of up to 400 characters counts.
 */
export function patternOf(body: string): string {
  const line = body.length > LONGEST ? body.slice(0, LONGEST) : body
  const end = line.indexOf('\n')
  const first = (end === -1 ? line : line.slice(0, end)).replace(ANSI, '')
  const made = first.replace(JSON_TAIL, HOLE).replace(VARIES, HOLE).replace(REPEATED, HOLE)
  return made.trim() === '' ? HOLE : made.trim()
}

const HOLE = '<*>'
const LONGEST = 400
const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')
const JSON_TAIL = /[{[]\s*["{[].*[}\]]/g
/** Quoted text, ids of 8 and more hexadecimal digits (dashes allowed), and any word with a digit in it. */
const VARIES =
  /"(?:[^"\\]|\\.)*"|'[^']*'|\b[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4,}){1,4}\b|(?<![A-Za-z0-9_])[A-Za-z_*]*\*{2,}\d*|(?<![A-Za-z0-9_.])[\w.:+-]*\d[\w.:+-]*/g
const REPEATED = /<\*>(?:[\s,;:/|-]*<\*>)+/g
