import { GlassboxError } from '../../base/errors.ts'
import type { Matcher } from '../../model/series.ts'

/** Parameters of Prometheus' HTTP API, from the address and a form together. */
export class PrometheusParameters {
  #all: URLSearchParams

  constructor(query: string, form: string) {
    this.#all = new URLSearchParams(query)
    for (const [name, value] of new URLSearchParams(form)) this.#all.append(name, value)
  }

  text(name: string): string | null {
    const value = this.#all.get(name)
    return value === '' ? null : value
  }

  /** @throws GlassboxError `bad_request` */
  required(name: string): string {
    return this.text(name) ?? fail(`invalid parameter "${name}": it is missing`)
  }

  /** Whole ms; RFC 3339 or seconds. @throws GlassboxError `bad_request` */
  time(name: string): number | null {
    const text = this.text(name)
    return text === null
      ? null
      : (parseTime(text) ?? fail(`invalid parameter "${name}": cannot parse "${text}" to a valid timestamp`))
  }

  /** Whole ms; seconds or `1m30s`. @throws GlassboxError `bad_request` */
  duration(name: string): number | null {
    const text = this.text(name)
    return text === null
      ? null
      : (parseDuration(text) ?? fail(`invalid parameter "${name}": cannot parse "${text}" to a valid duration`))
  }

  limit(name = 'limit'): number {
    const text = this.text(name)
    if (text === null) return 0
    return /^\d+$/.test(text) ? Number(text) : fail(`invalid parameter "${name}": it must be a whole number`)
  }

  /** `match[]`, and `match` as some Grafana versions send it. @throws GlassboxError `bad_request` */
  selectors(): Matcher[][] {
    const texts = [...this.#all.getAll('match[]'), ...this.#all.getAll('match')]
    return texts.map((text) => {
      const matchers = parseSelector(text)
      if (!matchers.some(cannotMatchEmpty))
        fail(`invalid parameter "match[]": match[] must contain at least one non-empty matcher: ${text}`)
      return matchers
    })
  }
}

function fail(message: string): never {
  throw new GlassboxError('bad_request', message)
}

function parseTime(text: string): number | null {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
    const ms = Math.round(Number(text) * 1000)
    return Number.isSafeInteger(ms) ? ms : null
  }
  if (!/^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(text)) return null
  const ms = Date.parse(text.replace(/(\.\d{3})\d+/, '$1'))
  return Number.isNaN(ms) ? null : ms
}

const UNITS: Record<string, number> = { y: 31_536_000e3, w: 604_800e3, d: 86_400e3, h: 3_600e3, m: 60e3, s: 1e3, ms: 1 }

function parseDuration(text: string): number | null {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Math.round(Number(text) * 1000)
  const parts = /^(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?$/.exec(text)
  if (!parts || text === '') return null
  return parts.slice(1).reduce((total, part) => {
    const [, count, unit] = /^(\d+)([a-z]+)$/.exec(part ?? '') ?? []
    return count === undefined ? total : total + Number(count) * UNITS[unit]
  }, 0)
}

function cannotMatchEmpty({ op, value }: Matcher): boolean {
  if (op === '=') return value !== ''
  if (op === '!=') return value === ''
  try {
    const empty = new RegExp(`^(?:${value})$`, 's').test('')
    return op === '=~' ? !empty : empty
  } catch {
    // Not a pattern of JavaScript's: storage compiles it as RE2 and refuses it if it is none there either.
    return op === '=~'
  }
}

/** Reads a series selector: `up{job="a"}`, `{"a.b", c=~"d.*"}`. @throws GlassboxError `bad_request` with the column */
export function parseSelector(text: string): Matcher[] {
  const reader = new SelectorReader(text)
  return reader.selector()
}

class SelectorReader {
  #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  #fail(what: string): never {
    return fail(`invalid parameter "match[]": 1:${this.#at + 1}: parse error: ${what} in ${this.#text.slice(0, 200)}`)
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at++
  }

  #word(pattern: RegExp): string | null {
    this.#space()
    const found = new RegExp(pattern.source, 'y')
    found.lastIndex = this.#at
    const match = found.exec(this.#text)
    if (!match) return null
    this.#at += match[0].length
    return match[0]
  }

  selector(): Matcher[] {
    const out: Matcher[] = []
    const name = this.#word(/[A-Za-z_:][A-Za-z0-9_:]*/)
    if (name !== null) out.push({ name: '__name__', op: '=', value: name })
    if (this.#word(/\{/) !== null) {
      while (this.#word(/\}/) === null) {
        out.push(this.#matcher())
        if (this.#word(/,/) === null) {
          if (this.#word(/\}/) === null) this.#fail('expected "," or "}"')
          break
        }
      }
    } else if (name === null) this.#fail('a selector is expected')
    this.#space()
    if (this.#at < this.#text.length) this.#fail('unexpected text')
    return out
  }

  #matcher(): Matcher {
    const quoted = this.#string()
    const name = quoted ?? this.#word(/[A-Za-z_][A-Za-z0-9_]*/) ?? this.#fail('a label name is expected')
    const op = this.#word(/=~|!~|!=|=/) as Matcher['op'] | null
    if (op === null) {
      if (quoted !== null) return { name: '__name__', op: '=', value: quoted }
      this.#fail('expected one of = != =~ !~')
    }
    const value = this.#string() ?? this.#fail('a quoted value is expected')
    return { name, op, value }
  }

  #string(): string | null {
    const raw = this.#word(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/)
    if (raw === null) return null
    const body = raw.slice(1, -1)
    return raw[0] === '`' ? body : unescapeGo(body)
  }
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', a: '\x07', b: '\b', f: '\f', v: '\v' }

function unescapeGo(text: string): string {
  return text.replaceAll(/\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)/gs, (_, code: string) => {
    if (/^[xuU]./.test(code)) return String.fromCodePoint(Math.min(Number.parseInt(code.slice(1), 16), 0x10ffff))
    if (/^[0-7]{3}$/.test(code)) return String.fromCodePoint(Number.parseInt(code, 8))
    return ESCAPES[code] ?? code
  })
}

/** A label's name as it stands in an address: `U__a_2e_b` is `a.b`. */
export function labelFromPath(name: string): string {
  if (!name.startsWith('U__')) return name
  return name
    .slice(3)
    .replaceAll(/__|_([0-9a-fA-F]{1,6})_/g, (whole, code?: string) =>
      code === undefined ? '_' : code ? String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff)) : whole,
    )
}
