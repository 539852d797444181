/** Terms on what a span has several of: its events and its links. */
import type { FilterOp, FilterTerm } from '../model/filter.ts'
import type { AnyValue, KeyValue } from '../model/records.ts'
import { plainText } from './any-value.ts'
import { compileTest, type ValueTest } from './filter-test.ts'

export type SpanPart = 'events' | 'links'

/** Events or links of all rows as OTLP/JSON, '' where there are none, each text once. */
export interface NestedTexts {
  text(entry: number): string
  entries: number
  /** The number of each row's text. */
  index: ArrayLike<number>
}

interface Nested {
  name?: string
  traceId?: string
  spanId?: string
  attributes?: KeyValue[]
}

/** What a key of spans looks at, or null when it is none of these. */
export function spanPart(key: string): SpanPart | null {
  if (/^event\../s.test(key)) return 'events'
  return /^link\../s.test(key) ? 'links' : null
}

/** The comparison that one of them must pass, where the opposite is that none does. */
const OF_SOME: Partial<Record<FilterOp, FilterOp>> = { '!=': '=', '!~': '=~', '!in': 'in', '!exists': 'exists' }

/** Clears every row whose span has no such event or link; with the opposite comparison, every row whose span has one. */
export function keepNested(mask: Uint8Array, texts: NestedTexts, term: FilterTerm & { type: 'attribute' }): void {
  const positive = OF_SOME[term.op]
  const test = compileTest(positive ? { ...term, op: positive } : term)
  const key = term.key.slice(term.key.indexOf('.') + 1)
  const field = FIELDS[spanPart(term.key) ?? 'events'][key]
  const one = (nested: Nested): boolean =>
    field
      ? test.text(field(nested))
      : (nested.attributes?.some((own) => own.key === key && valueHolds(own.value ?? {}, test)) ?? false)
  // 0 not looked at yet, 1 fails, 2 holds.
  const verdict = new Uint8Array(texts.entries)
  for (let row = 0; row < mask.length; row++) {
    if (mask[row] === 0) continue
    const entry = texts.index[row]
    if (verdict[entry] === 0) {
      const json = texts.text(entry)
      const some = json !== '' && (JSON.parse(json) as Nested[]).some(one)
      verdict[entry] = some !== (positive !== undefined) ? 2 : 1
    }
    if (verdict[entry] === 1) mask[row] = 0
  }
}

/** What events and links have beside attributes. */
const FIELDS: Record<SpanPart, Partial<Record<string, (nested: Nested) => string>>> = {
  events: { name: ({ name }) => name ?? '' },
  links: { trace: ({ traceId }) => traceId ?? '', span: ({ spanId }) => spanId ?? '' },
}

function valueHolds(value: AnyValue, test: ValueTest): boolean {
  if ('intValue' in value) return test.number(Number(value.intValue))
  if ('doubleValue' in value) return test.number(Number(value.doubleValue))
  return test.text(plainText(value))
}
