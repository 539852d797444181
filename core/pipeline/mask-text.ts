import { KeyAction, type KeyRules } from './key-rules.ts'
import { maskUrlPasswords } from './mask-url.ts'

export const masked = '[masked]'

const keyChar = /[\p{L}\p{N}_.\-$[\]]/u
const bareValueEnd = /[\s&;,"'`<>)}\]\\]|%26|$/g
const headerValueEnd = /["'`\\\r\n]|$/g
const operator = /\s*(?:=>|:=|[:=]|%3[dD]|!=|<>)\s*|\s+(?:like|in|is)\s+(?=['"(])|\s+(?=')/iy
const quote = /(\\*)(["'`])/y
const insertWord = /\binsert\b/i
const valuesWord = /\bvalues\b/i
/** Between a name and its value in lists: `"key":"x","value":{"stringValue":"` and `["Authorization","`. */
const pairSeparator =
  /(?:\s*,\s*\\*"value\\*"\s*:\s*(?:\{\s*\\*"\w+Value\\*"\s*:\s*)?|\s*\}?\s*,\s*(?!\\*"value\\*"\s*:)(?:\{\s*\\*"stringValue\\*"\s*:\s*)?)(\\*["']|(?=[-\d]))/y
/** The same before a value of several parts: an AnyValue, an object, a list. */
const pairOfParts = /\s*,\s*(\\*)"value\\*"\s*:\s*(?=[{[])/y
const nameBefore = /(?:\\*["'](?:key|name)\\*["']\s*:\s*|--)$/i

/**
 * `text` with the values of sensitive keys masked, or null when there is nothing to mask. Knows `key=value` and
 * `key: value`, headers, form bodies and query strings, JSON (also inside a string, also cut off), SQL literals,
 * name and value pairs, flags of command lines and passwords in URLs. It reads the text once: its time is linear.
 * @param finder global expression of the words to look at, from `sensitiveWords`.
 */
export function maskText(text: string, rules: KeyRules, finder: RegExp): string | null {
  const out: string[] = []
  let done = 0
  let isInsert: boolean | null = null
  const replace = (start: number, end: number, value: string): void => {
    if (start < done || text.slice(start, end) === value) return
    out.push(text.slice(done, start), value)
    done = end
  }
  finder.lastIndex = 0
  for (let hit = finder.exec(text); hit; hit = finder.exec(text)) {
    const at = hit.index
    if (at < done) {
      finder.lastIndex = done
      continue
    }
    let end = at + hit[0].length
    if (/^(bearer|basic) /i.test(hit[0])) {
      const stop = valueEnd(text, end, bareValueEnd)
      if (stop - end >= 8) replace(end, stop, masked)
      finder.lastIndex = Math.max(end, stop)
      continue
    }
    let start = at
    while (start > done && keyChar.test(text[start - 1])) start--
    while (end < text.length && keyChar.test(text[end])) end++
    finder.lastIndex = end
    const action = rules.action(text.slice(start, end))
    if (action === KeyAction.keep) continue
    maskAfter(text, start, end, action, replace)
    isInsert ??= insertWord.test(text) && valuesWord.test(text)
    if (isInsert) maskLiterals(text, Math.max(end, done), replace)
    finder.lastIndex = Math.max(end, done)
  }
  const partly = done === 0 ? text : out.join('') + text.slice(done)
  const whole = maskUrlPasswords(partly)
  return whole === text ? null : whole
}

type Replace = (start: number, end: number, value: string) => void

function maskAfter(text: string, start: number, end: number, action: KeyAction, replace: Replace): void {
  quote.lastIndex = end
  const closing = quote.exec(text)
  const afterKey = closing ? quote.lastIndex : end
  // Far more than any spelling of `"name":"` needs.
  const before = text.slice(Math.max(0, start - 40), start)
  const isFlag = before.endsWith('--') || text.startsWith('--', start)
  const opened = closing ? before.slice(0, -closing[0].length) : before
  const isName = closing !== null && nameBefore.test(opened)
  if (closing && (isName || isFlag || action === KeyAction.remove)) {
    pairOfParts.lastIndex = afterKey
    const parts = pairOfParts.exec(text)
    if (parts) {
      const from = pairOfParts.lastIndex
      const mark = `${parts[1]}"`
      const hidden = mark + masked + mark
      replace(from, bracketEnd(text, from), text[from] === '{' ? `{${mark}stringValue${mark}:${hidden}}` : hidden)
      return
    }
    pairSeparator.lastIndex = afterKey
    const pair = pairSeparator.exec(text)
    if (pair) {
      const from = pairSeparator.lastIndex
      if (pair[1]) replace(from, quotedEnd(text, from, pair[1]), masked)
      else replace(from, valueEnd(text, from, bareValueEnd), `"${masked}"`)
      return
    }
  }
  operator.lastIndex = afterKey
  let from = afterKey
  if (operator.test(text)) from = operator.lastIndex
  else if (isFlag && text[end] === ' ' && text[end + 1] !== '-') from = end + 1
  else return
  maskValue(text, from, closing ? `${closing[1]}"` : null, action, replace)
}

/** @param mark how JSON quotes at this place, with its backslashes inside a string; null outside JSON. */
function maskValue(text: string, from: number, mark: string | null, action: KeyAction, replace: Replace): void {
  if (from >= text.length) return
  quote.lastIndex = from
  const opening = quote.exec(text)
  if (opening) {
    const inner = quote.lastIndex
    replace(inner, quotedEnd(text, inner, opening[0]), masked)
    return
  }
  const first = text[from]
  if (first === '{' || first === '[' || first === '(') {
    const value = first === '(' ? `(${masked})` : quotedMask(mark)
    if (text.startsWith(masked, from)) return
    replace(from, bracketEnd(text, from), value)
    return
  }
  let stop = valueEnd(text, from, action === KeyAction.remove && mark === null ? headerValueEnd : bareValueEnd)
  const bareValue = text.slice(from, stop)
  if (/^(bearer|basic|digest|token)$/i.test(bareValue) && text[stop] === ' ')
    stop = valueEnd(text, stop + 1, bareValueEnd)
  if (stop === from || bareValue === 'null') return
  replace(from, stop, quotedMask(mark))
}

function quotedMask(mark: string | null): string {
  return mark === null ? masked : mark + masked + mark
}

/** All quoted literals from `from` on: in INSERT the values follow their columns by place only. */
function maskLiterals(text: string, from: number, replace: Replace): void {
  for (let open = text.indexOf("'", from); open >= 0; ) {
    const end = quotedEnd(text, open + 1, "'")
    replace(open + 1, end, masked)
    open = text.indexOf("'", end + 1)
  }
}

/** Index of the quote that ends what `opening` began, or the end of the text where it was cut off. */
function quotedEnd(text: string, from: number, opening: string): number {
  const mark = opening[opening.length - 1]
  const slashes = opening.length - 1
  for (let at = text.indexOf(mark, from); at >= 0; at = text.indexOf(mark, at + 1)) {
    let before = 0
    while (at - before > from && text[at - before - 1] === '\\') before++
    if (before > slashes) continue
    if (mark === "'" && slashes === 0 && text[at + 1] === "'") {
      at++
      continue
    }
    return at - Math.min(before, slashes)
  }
  return text.length
}

function bracketEnd(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (char === '"') {
      // In JSON inside a string every quote has its backslashes.
      let slashes = 0
      while (text[at - slashes - 1] === '\\') slashes++
      at = quotedEnd(text, at + 1, `${'\\'.repeat(slashes)}"`) + slashes
    } else if (char === '{' || char === '[' || char === '(') depth++
    else if ((char === '}' || char === ']' || char === ')') && --depth === 0) return at + 1
  }
  return text.length
}

function valueEnd(text: string, from: number, end: RegExp): number {
  end.lastIndex = from
  return end.exec(text)?.index ?? text.length
}

/** The expression `maskText` looks with: words with or without separators, header names, and bearer tokens. */
export function sensitiveWords(words: string[]): RegExp {
  const escaped = words.map((word) =>
    word
      .split(/[-_. ]+/)
      .map(escapeWord)
      .join('[-_. ]?'),
  )
  return new RegExp([...escaped, 'cookie', 'authorization', 'bearer (?=\\S)', 'basic (?=\\S)'].join('|'), 'gi')
}

function escapeWord(word: string): string {
  return word.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}
