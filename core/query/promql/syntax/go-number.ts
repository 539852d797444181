/** The value of a number token: decimal, hexadecimal, octal with a leading 0, `_` between digits, Inf, NaN. */
export function goNumber(token: string): number {
  const text = token.replaceAll('_', '').toLowerCase()
  if (text === 'inf') return Number.POSITIVE_INFINITY
  if (text === 'nan') return Number.NaN
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8)
  return Number(text)
}

/** Go's `strconv.ParseFloat`: null when the text is not wholly a number. */
export function parseGoFloat(text: string): number | null {
  if (/^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text)) return Number(text)
  const match = /^([+-]?)(inf|infinity|nan)$/i.exec(text)
  if (match) {
    if (match[2].toLowerCase() === 'nan') return match[1] ? null : Number.NaN
    return match[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  }
  const hex = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?p([+-]?\d+)$/i.exec(text)
  if (!hex || (hex[2] === '' && !hex[3])) return null
  const fraction = hex[3] ?? ''
  const value = Number.parseInt(hex[2] + fraction, 16) * 2 ** (Number(hex[4]) - 4 * fraction.length)
  return hex[1] === '-' ? -value : value
}
