export interface ExpositionSample {
  labels: [string, string][]
  value: number
  /** Whole ms, null when the target gave none. */
  time: number | null
  exemplar: { labels: [string, string][]; value: number; time: number | null } | null
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y
const STRING = /"((?:[^"\\]|\\.)*)"/sy
const BLANK = /[ \t]*/y
const TOKEN = /[^ \t#]+/y
const COMMENT = /^\s*#[ \t]+(HELP|TYPE|UNIT)[ \t]+("(?:[^"\\]|\\.)*"|\S+)(?:[ \t](.*))?$/s
/** Go's ParseFloat without hexadecimal and underscores, which Prometheus refuses. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i
const EXEMPLAR_LENGTH = 128

/** Reads one line of an exposition. */
export class LineReader {
  #line: string
  #at = 0
  #fail: (why: string) => never

  constructor(line: string, fail: (why: string) => never) {
    this.#line = line
    this.#fail = fail
  }

  #take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#line)
    if (found) this.#at = pattern.lastIndex
    return found
  }

  #char(expected: string): boolean {
    if (this.#line[this.#at] !== expected) return false
    this.#at++
    return true
  }

  /** A HELP, TYPE or UNIT line; null for any other comment. */
  comment(): { kind: 'HELP' | 'TYPE' | 'UNIT'; metric: string; text: string } | null {
    const found = COMMENT.exec(this.#line)
    if (!found) return null
    const metric = found[2].startsWith('"') ? unescaped(found[2].slice(1, -1)) : found[2]
    const kind = found[1] as 'HELP' | 'TYPE' | 'UNIT'
    const text = found[3] ?? ''
    return { kind, metric, text: kind === 'HELP' ? unescaped(text) : text }
  }

  /** `name{labels} value [time] [# {labels} value [time]]`; the name is the first label. */
  sample(open: boolean): ExpositionSample {
    this.#take(BLANK)
    const name = this.#take(NAME)?.[0] ?? null
    this.#take(BLANK)
    const read = this.#char('{') ? this.#labels() : { labels: [], name: null }
    const metric = name ?? read.name ?? this.#fail('a metric name is expected')
    if (name !== null && read.name !== null) this.#fail('the metric has two names')
    this.#take(BLANK)
    const value = this.#number('a value')
    this.#take(BLANK)
    const time = this.#time(open)
    this.#take(BLANK)
    let exemplar: ExpositionSample['exemplar'] = null
    if (open && this.#char('#')) exemplar = this.#exemplar()
    this.#take(BLANK)
    if (this.#at < this.#line.length)
      this.#fail(`unexpected ${JSON.stringify(this.#line.slice(this.#at, this.#at + 20))}`)
    const labels: [string, string][] = read.labels.map(([key, text]) => [key, canonical(key, text)])
    return { labels: [['__name__', metric], ...labels], value, time, exemplar }
  }

  #exemplar(): NonNullable<ExpositionSample['exemplar']> {
    this.#take(BLANK)
    if (!this.#char('{')) this.#fail('an exemplar starts with its labels in braces')
    const { labels } = this.#labels()
    if (labels.flat().join('').length > EXEMPLAR_LENGTH) this.#fail('the labels of an exemplar are too long')
    this.#take(BLANK)
    const value = this.#number("an exemplar's value")
    this.#take(BLANK)
    return { labels, value, time: this.#time(true) }
  }

  #labels(): { labels: [string, string][]; name: string | null } {
    const labels: [string, string][] = []
    let name: string | null = null
    for (;;) {
      this.#take(BLANK)
      if (this.#char('}')) return { labels, name }
      const quoted = this.#take(STRING)
      const key = quoted ? unescaped(quoted[1]) : (this.#take(LABEL)?.[0] ?? this.#fail('a label name is expected'))
      this.#take(BLANK)
      if (this.#char('=')) {
        this.#take(BLANK)
        const value = this.#take(STRING) ?? this.#fail(`the value of label ${key} is not quoted`)
        if (labels.some(([known]) => known === key)) this.#fail(`label ${key} occurs twice`)
        labels.push([key, unescaped(value[1])])
      } else if (quoted && name === null) name = key
      else this.#fail(`label ${key} has no value`)
      this.#take(BLANK)
      if (this.#char(',')) continue
      if (this.#char('}')) return { labels, name }
      this.#fail('expected "," or "}"')
    }
  }

  #number(what: string): number {
    const token = this.#take(TOKEN)?.[0] ?? ''
    return parseNumber(token) ?? this.#fail(`${JSON.stringify(token)} is not ${what}`)
  }

  /** Text has whole ms, OpenMetrics seconds. */
  #time(open: boolean): number | null {
    const token = this.#take(TOKEN)?.[0]
    if (token === undefined) return null
    const value = parseNumber(token)
    if (value === null || !Number.isFinite(value)) return this.#fail(`${JSON.stringify(token)} is not a time`)
    if (!open && !/^[+-]?\d+$/.test(token)) return this.#fail(`${JSON.stringify(token)} is not a time in whole ms`)
    return open ? Math.round(value * 1000) : value
  }
}

function parseNumber(token: string): number | null {
  if (NUMBER.test(token)) return Number(token)
  const word = /^([+-]?)(inf|infinity|nan)$/i.exec(token)
  if (!word) return null
  if (word[2].toLowerCase() === 'nan') return Number.NaN
  return word[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
}

/** Escapes that the format does not know stay as they are written. */
function unescaped(text: string): string {
  return text.includes('\\') ? text.replaceAll(/\\(["\\n])/g, (_, code: string) => (code === 'n' ? '\n' : code)) : text
}

/** `le` and `quantile` are written as OpenMetrics floats, or one histogram would be two. */
function canonical(key: string, text: string): string {
  if (key !== 'le' && key !== 'quantile') return text
  const value = parseNumber(text)
  if (value === null || Number.isNaN(value)) return text
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  const plain = String(value)
  return /^-?\d+$/.test(plain) ? `${plain}.0` : plain.replace(/e([+-])(\d)$/, 'e$10$2')
}
