import { GlassboxError } from '../../base/errors.ts'
import { matcherTest } from '../../model/label-regex.ts'
import type { Matcher } from '../../model/series.ts'
import { parseSelector } from '../../query/promql/syntax/parser.ts'

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

  /** The expression; the empty one where there is none, which the parser refuses in its own words. */
  query(): string {
    return this.#all.get('query') ?? ''
  }

  /** Whole ms; RFC 3339 or seconds. @throws GlassboxError `bad_request` */
  time(name: string): number | null {
    const text = this.text(name)
    if (text === null) return null
    return (
      parseTime(text) ??
      failFor(name, `Invalid time value for '${name}': cannot parse ${quoted(text)} to a valid timestamp`)
    )
  }

  /** As `time`, of a parameter that must be there. */
  requiredTime(name: string): number {
    const text = this.#all.get(name) ?? ''
    return parseTime(text) ?? failFor(name, `cannot parse ${quoted(text)} to a valid timestamp`)
  }

  /** Whole ms; seconds or `1m30s`. @throws GlassboxError `bad_request` */
  duration(name: string): number | null {
    return this.text(name) === null ? null : this.requiredDuration(name)
  }

  /** As `duration`, of a parameter that must be there. */
  requiredDuration(name: string): number {
    const text = this.#all.get(name) ?? ''
    return parseDuration(text) ?? failFor(name, `cannot parse ${quoted(text)} to a valid duration`)
  }

  /** 0 = no limit. @throws GlassboxError `bad_request` */
  limit(): number {
    const text = this.text('limit')
    if (text === null) return 0
    if (/^-\d+$/.test(text)) failFor('limit', 'limit must be non-negative')
    return /^\+?\d+$/.test(text) ? Number(text) : failFor('limit', `parsing ${quoted(text)}: invalid syntax`)
  }

  /** `match[]`, and `match` as some Grafana versions send it. @throws GlassboxError `bad_request`, `bad_promql` */
  selectors(): Matcher[][] {
    const texts = [...this.#all.getAll('match[]'), ...this.#all.getAll('match')]
    return texts.map((text) => {
      const matchers = parseSelector(text)
      if (!matchers.some((matcher) => !matcherTest(matcher)('')))
        throw new GlassboxError('bad_request', 'match[] must contain at least one non-empty matcher')
      return matchers
    })
  }
}

const quoted = (text: string): string => JSON.stringify(text)

/** Runs `read`; an error of it names the parameter, as Prometheus does. */
export function ofParameter<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw namingParameter(name, error)
  }
}

/** The same error, with the parameter at fault in front where it is the asker's. */
export function namingParameter(name: string, error: unknown): unknown {
  if (!(error instanceof GlassboxError) || (error.code !== 'bad_promql' && error.code !== 'bad_request')) return error
  return new GlassboxError(error.code, `invalid parameter ${quoted(name)}: ${error.message}`, error.hint)
}

function failFor(name: string, message: string): never {
  throw new GlassboxError('bad_request', `invalid parameter ${quoted(name)}: ${message}`)
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

/** A label's name as it stands in an address: `U__a_2e_b` is `a.b`. */
export function labelFromPath(name: string): string {
  if (!name.startsWith('U__')) return name
  return name
    .slice(3)
    .replaceAll(/__|_([0-9a-fA-F]{1,6})_/g, (whole, code?: string) =>
      code === undefined ? '_' : code ? String.fromCodePoint(Math.min(Number.parseInt(code, 16), 0x10ffff)) : whole,
    )
}
