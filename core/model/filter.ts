/** Operators of the filter language; see core/query/filter-language.ts for its grammar. */
export type FilterOp = '=' | '!=' | '>' | '>=' | '<' | '<=' | '=~' | '!~' | 'exists' | '!exists'

/**
 * One condition. `key` is an attribute key (span attributes first, then the resource's) or a field:
 * `service`, `name`, `kind`, `status`, `dur`, `severity`, `body`. `text` is free text: it searches names or bodies.
 */
export type FilterTerm =
  | { type: 'attribute'; key: string; op: FilterOp; value: string; number: number | null }
  | { type: 'text'; value: string; negated: boolean }

/** All terms hold on one and the same span (or log record). */
export type Filter = FilterTerm[]
