import type { BoardQuery } from '../../model/board.ts'
import { type Fields, fieldsOf, listOf, textOf } from './fields.ts'

/** What a panel asks for: queries that we can run, and what else it asked. */
export interface Targets {
  queries: BoardQuery[]
  /** Some query asks for the newest value only. */
  instant: boolean
  /** Some query's answer is meant as a table or as buckets. */
  format: 'time_series' | 'table' | 'heatmap'
  /** Queries of other data sources, by source. */
  foreign: string[]
  /** Queries computed from others in Grafana's server (`$A / $B`). */
  expressions: string[]
}

/** What a file says of itself beside its panels. */
export interface Sources {
  /** Kinds of data sources by their id and name. */
  kinds: ReadonlyMap<string, string>
  /** Names of the variables. */
  variables: ReadonlySet<string>
}

const EXPRESSION = new Set(['__expr__', '-100', 'grafana-expression'])
const PROMETHEUS = /prometheus|^prom\b|mimir|thanos|victoriametrics|cortex|amazonprometheus/i

/** The kind of a data source, empty when the file does not tell. */
function kindOf(source: unknown, { kinds }: Sources): string {
  if (typeof source === 'string')
    return kinds.get(source.replace(/^\$\{?(\w+)\}?$/, '$1')) ?? (source === '' || source.startsWith('$') ? '' : source)
  const { type, uid } = fieldsOf(source)
  const named = kinds.get(textOf(uid).replace(/^\$\{?(\w+)\}?$/, '$1'))
  return textOf(type) || named || ''
}

/** Reads the queries of a panel. A query with an `expr` whose source nobody names is taken for Prometheus'. */
export function readTargets(panel: Fields, sources: Sources): Targets {
  const found: Targets = { queries: [], instant: false, format: 'time_series', foreign: [], expressions: [] }
  const ofPanel = kindOf(panel['datasource'], sources)
  for (const one of listOf(panel['targets'])) {
    const target = fieldsOf(one)
    const own = kindOf(target['datasource'], sources)
    const kind = own || ofPanel
    const expr = textOf(target['expr'])
    if (EXPRESSION.has(kind)) {
      found.expressions.push(textOf(target['refId']) || textOf(target['expression']))
      continue
    }
    const mixed = /mixed/i.test(kind)
    const prometheus = kind === '' || mixed ? target['expr'] !== undefined : PROMETHEUS.test(kind)
    // A source is often called by its own name; whoever writes PromQL in `expr` and no other language means Prometheus.
    const named =
      typeof panel['datasource'] === 'string' &&
      own === '' &&
      expr !== '' &&
      !/loki|elastic|influx|graphite/i.test(kind)
    if (!prometheus && !named) {
      found.foreign.push(kind || '?')
      continue
    }
    if (expr.trim() === '') continue
    found.queries.push({ expr, label: legendOf(textOf(target['legendFormat'])), hidden: target['hide'] === true })
    if (target['instant'] === true && target['range'] !== true) found.instant = true
    if (target['format'] === 'table' || target['format'] === 'heatmap') found.format = target['format']
  }
  return found
}

/** Grafana writes `__auto` for a legend of its own making. */
function legendOf(format: string): string {
  return format === '__auto' ? '' : format.slice(0, 500)
}
