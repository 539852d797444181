/** What a SELECT asks of `_metrics`, as far as its text says so beyond doubt. */
export interface MetricBounds {
  /** Names that its rows can have; null = any. */
  metrics: string[] | null
  /** Whole ms, both inclusive. */
  startMs: number
  endMs: number
}

type Token = { kind: 'word' | 'text' | 'number' | 'sign'; text: string }

/** Under any of these a comparison in the text need not hold for every row that counts. */
const DOUBTFUL = new Set(
  'or not case having union intersect except join over filter recursive with outer left right full using collate'.split(
    ' ',
  ),
)
const ENDS = new Set(['and', 'group', 'order', 'limit', ')', ';', ''])
const OTHER_WAY: Record<string, string> = { '<': '>', '>': '<', '<=': '>=', '>=': '<=', '=': '=', '==': '==' }

/**
 * Comparisons of `metric` and `time` with literals, joined by AND in the WHERE of a plain SELECT over `_metrics` alone,
 * so that blocks outside need not be read. Whatever is not understood bounds nothing: SQLite tests every row itself.
 */
export function boundsOf(query: string): MetricBounds {
  const bounds: MetricBounds = { metrics: null, startMs: 0, endMs: Number.MAX_SAFE_INTEGER }
  const tokens = tokensOf(query)
  const words = tokens.filter(({ kind }) => kind === 'word').map(({ text }) => text.toLowerCase())
  const from = tokens.findIndex(({ kind, text }) => kind === 'word' && text.toLowerCase() === 'from')
  const plain =
    words.filter((word) => word === 'select').length === 1 &&
    words.filter((word) => word === '_metrics').length ===
      words.filter((word, i) => word === '_metrics' && words[i - 1] === 'from').length + qualified(tokens) &&
    !words.some((word) => DOUBTFUL.has(word) || word === '_traces' || word === '_logs') &&
    tokens[from + 2]?.text !== ','
  if (!plain) return bounds
  const where = tokens.findIndex(({ kind, text }) => kind === 'word' && text.toLowerCase() === 'where')
  if (where < 0) return bounds
  for (let i = where; i < tokens.length; i++) {
    const before = tokens[i].text.toLowerCase()
    if (tokens[i].kind !== 'word' || (before !== 'where' && before !== 'and')) continue
    take(bounds, tokens, i + 1)
  }
  return bounds
}

/** Mentions of the table in front of a column, `_metrics.time`. */
function qualified(tokens: Token[]): number {
  return tokens.filter(({ text }, i) => text.toLowerCase() === '_metrics' && tokens[i + 1]?.text === '.').length
}

/** Reads one comparison that starts at `at`. */
function take(bounds: MetricBounds, tokens: Token[], at: number): void {
  const word = (i: number): string => tokens[i]?.text.toLowerCase() ?? ''
  const column = (i: number): [name: string, next: number] =>
    tokens[i]?.kind === 'word' && word(i + 1) === '.' ? [word(i + 2), i + 3] : [word(i), i + 1]
  const ends = (i: number): boolean => ENDS.has(word(i))
  if (tokens[at]?.kind === 'number') {
    const [name, next] = column(at + 2)
    const sign = OTHER_WAY[word(at + 1)]
    if (name === 'time' && sign && ends(next)) bound(bounds, sign, Number(tokens[at].text))
    return
  }
  if (tokens[at]?.kind !== 'word') return
  const [name, next] = column(at)
  const value = tokens[next + 1]
  if (name === 'metric' && (word(next) === '=' || word(next) === '==') && value?.kind === 'text' && ends(next + 2))
    narrow(bounds, [value.text])
  else if (name === 'metric' && word(next) === 'in' && word(next + 1) === '(') {
    const names: string[] = []
    let i = next + 2
    for (; tokens[i]?.kind === 'text'; i += 2) {
      names.push(tokens[i].text)
      if (word(i + 1) !== ',') break
    }
    if (word(i + 1) === ')' && names.length > 0 && ends(i + 2)) narrow(bounds, names)
  } else if (name === 'time' && word(next) === 'between' && value?.kind === 'number' && word(next + 2) === 'and') {
    if (tokens[next + 3]?.kind !== 'number' || !ends(next + 4)) return
    bound(bounds, '>=', Number(value.text))
    bound(bounds, '<=', Number(tokens[next + 3].text))
  } else if (name === 'time' && OTHER_WAY[word(next)] && value?.kind === 'number' && ends(next + 2))
    bound(bounds, word(next), Number(value.text))
}

function narrow(bounds: MetricBounds, names: string[]): void {
  const known = bounds.metrics
  bounds.metrics = known === null ? names : known.filter((name) => names.includes(name))
}

function bound(bounds: MetricBounds, sign: string, timeUs: number): void {
  const low = Math.floor(timeUs / 1000)
  const high = Math.ceil(timeUs / 1000)
  if (sign !== '<' && sign !== '<=') bounds.startMs = Math.max(bounds.startMs, low)
  if (sign !== '>' && sign !== '>=') bounds.endMs = Math.min(bounds.endMs, high)
}

/** Words, quoted texts, numbers and signs; quoted names are words, comments are left out. */
function tokensOf(query: string): Token[] {
  const tokens: Token[] = []
  const pattern =
    /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'((?:[^']|'')*)'|"((?:[^"]|"")*)"|([\p{L}_][\p{L}\p{Nd}_$]*)|(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?![\p{L}\p{Nd}_])|(<=|>=|<>|!=|==|\S)/giu
  for (const [, text, quoted, word, number, sign] of query.matchAll(pattern)) {
    if (text !== undefined) tokens.push({ kind: 'text', text: text.replaceAll("''", "'") })
    else if (quoted !== undefined) tokens.push({ kind: 'word', text: quoted })
    else if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else if (number !== undefined) tokens.push({ kind: 'number', text: number })
    else if (sign !== undefined) tokens.push({ kind: 'sign', text: sign })
  }
  return tokens
}
