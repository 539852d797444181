const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const LITERAL = /true|false|null/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const SPACE = /[ \t\n\r]*/y

/**
 * Where a text stops being JSON (RFC 8259), as an index into it; its length when it only ends too early; -1 when it is
 * JSON after all. JSON.parse names the place in some of its messages only.
 */
export function jsonFault(text: string): number {
  let at = 0
  /** Open brackets; true = object. */
  const open: boolean[] = []
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    if (!pattern.test(text)) return false
    at = pattern.lastIndex
    return true
  }
  const take = (char: string): boolean => {
    skip(SPACE)
    if (text[at] !== char) return false
    at++
    return true
  }
  /** Stays on the character at fault, by hand as a string may be many MB long. */
  const string = (): boolean => {
    if (text[at] !== '"') return false
    at++
    while (at < text.length && text[at] !== '"') {
      if (text[at] === '\\') {
        if (!skip(ESCAPE)) return false
      } else if (text.charCodeAt(at) < 0x20) return false
      else at++
    }
    if (at === text.length) return false
    at++
    return true
  }
  const key = (): boolean => {
    skip(SPACE)
    return string() && take(':')
  }
  /** Reads one value, or the opening of one; false at a fault. */
  const value = (): boolean => {
    for (;;) {
      skip(SPACE)
      if (take('{')) {
        if (take('}')) return true
        open.push(true)
        if (!key()) return false
      } else if (take('[')) {
        if (take(']')) return true
        open.push(false)
      } else return string() || skip(LITERAL) || skip(NUMBER)
    }
  }
  if (!value()) return at
  for (let inObject = open.at(-1); inObject !== undefined; inObject = open.at(-1)) {
    if (take(inObject ? '}' : ']')) open.pop()
    else if (!take(',') || (inObject && !key()) || !value()) return at
  }
  skip(SPACE)
  return at === text.length ? -1 : at
}
