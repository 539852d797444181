import type { KeyValue, SpanRecord } from '../../../../../core/model/records.ts'
import { valueText } from '../../../../../core/model/value-text.ts'

/** What a reader makes of a span: one side each for what was asked and what came back. Titles are message keys. */
export interface Reading {
  kind: 'http' | 'database' | 'messaging' | 'rpc' | 'genai'
  /** One line in mono: `POST http://cart:8080/items`. */
  headline: string
  /** Beside it: `HTTP/1.1`, `postgresql`. */
  note: string
  request: ReadingPart[]
  response: ReadingPart[]
}

export type ReadingPart =
  | { kind: 'pairs'; title: ReadingTitle; pairs: ReadingPair[] }
  | { kind: 'code'; title: ReadingTitle; language: 'sql' | 'json' | 'text'; text: string; cutBytes: number }
  | { kind: 'messages'; title: ReadingTitle; messages: ChatMessage[] }

export type ReadingTitle =
  | 'general'
  | 'headers'
  | 'body'
  | 'query'
  | 'parameters'
  | 'result'
  | 'message'
  | 'prompt'
  | 'answer'
  | 'toolCall'
  | 'usage'
  | 'settings'

export interface ReadingPair {
  key: string
  value: string
  /** The value was taken away before it was stored. */
  hidden: boolean
}

export interface ChatMessage {
  role: string
  parts: { kind: 'text' | 'call' | 'result'; name: string; text: string }[]
}

/** Attributes of a span by key, as text. */
export class AttributeText {
  #values: Map<string, KeyValue['value']>

  constructor(span: Pick<SpanRecord, 'attributes'>) {
    this.#values = new Map(span.attributes.map((pair) => [pair.key, pair.value]))
  }

  /** The first of these keys that is there and not empty, else the empty text. */
  get(...keys: string[]): string {
    for (const key of keys) {
      const text = this.#values.has(key) ? valueText(this.#values.get(key)) : ''
      if (text !== '') return text
    }
    return ''
  }

  /** `name` → value of every key that begins with `prefix`; one-element lists are shown bare. */
  under(prefix: string): ReadingPair[] {
    const pairs: ReadingPair[] = []
    for (const [key, value] of this.#values) {
      if (!key.startsWith(prefix) || key.length === prefix.length) continue
      const list = value && 'arrayValue' in value ? (value.arrayValue as { values?: KeyValue['value'][] }).values : null
      const text = list ? list.map((one) => valueText(one)).join(', ') : valueText(value)
      pairs.push(pair(key.slice(prefix.length).replaceAll('_', '-'), text))
    }
    return pairs.sort((a, b) => a.key.localeCompare(b.key))
  }

  /** Only those of the keys that are there, named by the last part of the key. */
  some(...keys: string[]): ReadingPair[] {
    return keys.flatMap((key) => {
      const text = this.get(key)
      return text === '' ? [] : [pair(key, text)]
    })
  }
}

function pair(key: string, value: string): ReadingPair {
  return { key, value, hidden: value === '[masked]' }
}

const CUT = /…\[cut (\d+) bytes\]$/

/** A text that was perhaps cut before storage: without the mark, and how many bytes are missing. */
export function splitCut(text: string): { text: string; cutBytes: number } {
  const match = CUT.exec(text)
  return match ? { text: text.slice(0, match.index), cutBytes: Number(match[1]) } : { text, cutBytes: 0 }
}

/** A body as code: JSON where it is, indented; else as it came. */
export function bodyPart(title: ReadingTitle, body: string): ReadingPart[] {
  if (body === '') return []
  const { text, cutBytes } = splitCut(body)
  try {
    return [{ kind: 'code', title, language: 'json', text: JSON.stringify(JSON.parse(text), null, 2), cutBytes }]
  } catch {
    const looksLikeJson = /^\s*[[{]/.test(text)
    return [{ kind: 'code', title, language: looksLikeJson ? 'json' : 'text', text, cutBytes }]
  }
}

export function pairsPart(title: ReadingTitle, pairs: ReadingPair[]): ReadingPart[] {
  return pairs.length > 0 ? [{ kind: 'pairs', title, pairs }] : []
}
