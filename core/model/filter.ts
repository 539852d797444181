/** Operators of the filter language; see core/query/filter-language.ts for its grammar. */
export type FilterOp = '=' | '!=' | '>' | '>=' | '<' | '<=' | '=~' | '!~' | 'exists' | '!exists' | 'in' | '!in'

/**
 * One condition. `key` is an attribute key (span attributes first, then the resource's) or a field:
 * `service`, `name`, `kind`, `status`, `dur`, `severity`, `body`. `resource.KEY` looks at the resource alone, unless a row
 * has an attribute that is called so; `event.KEY` and `link.KEY` of a span at the attributes of its events and links,
 * `event.name` at names, `link.trace` and `link.span` at the ids that links lead to.
 * `list` is what `in` compares with. `text` is free text: it searches names or bodies.
 */
export type FilterTerm =
  | { type: 'attribute'; key: string; op: FilterOp; value: string; number: number | null; list?: FilterValue[] }
  | { type: 'text'; value: string; negated: boolean }

/** A value as it is written, and as a number where it is one (µs of `dur`). */
export interface FilterValue {
  value: string
  number: number | null
}

/** All terms hold on one and the same span (or log record). */
export type Filter = FilterTerm[]

/** A number over the spans that a chain ends with, compared: `count() > 50`, `max(dur) > 1s`. */
export interface SpanAggregate {
  fn: 'count' | 'sum' | 'avg' | 'min' | 'max'
  /** `dur` (µs) or an attribute key; empty for count. */
  key: string
  op: '=' | '!=' | '>' | '>=' | '<' | '<='
  number: number
}

/**
 * A condition on a whole trace: `{ A } >> { B } > { C } | count() > 2`. Each set but the first holds of spans that are
 * children (`>`), or children of children (`>>`), of spans of the set before. Without aggregates, one span of the last
 * set is enough; with them, all of them hold over the spans of the last set.
 */
export interface SpanChain {
  sets: Filter[]
  /** One fewer than there are sets. */
  steps: ('child' | 'descendant')[]
  aggregates: SpanAggregate[]
}

/** What `q` asks of traces: terms that hold on one and the same span, and conditions on whole traces. */
export interface TraceFilter {
  filter: Filter
  chains: SpanChain[]
}
