import type { MetricMetadata } from '../../../api/prometheus-shapes.ts'

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'info' | 'unknown'

/** A metric as people name it: a classic histogram with its `_bucket`, `_count` and `_sum` is one. */
export interface MetricFamily {
  name: string
  type: MetricType
  unit: string
  help: string
  /** Names that hold its samples, sorted. */
  members: string[]
  /** Series of all members; null while it is not known. */
  series: number | null
  /** Whether its samples are native histograms, as far as names tell: a histogram without `_bucket`. */
  native: boolean
}

const TYPES: Record<string, MetricType> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'histogram',
  summary: 'summary',
  info: 'info',
  stateset: 'gauge',
}
const PARTS = /_(bucket|count|sum)$/
const UNITS = ['seconds', 'bytes', 'ratio', 'celsius', 'volts', 'hertz', 'milliseconds', 'percent', 'meters', 'joules']

function baseOf(name: string, names: ReadonlySet<string>, metadata: Record<string, MetricMetadata[]>): string {
  const base = name.replace(PARTS, '')
  if (base === name) return name
  const type = metadata[base]?.[0]?.type
  if (type === 'histogram' || type === 'gaugehistogram' || type === 'summary') return base
  return names.has(`${base}_bucket`) && names.has(`${base}_count`) ? base : name
}

function typeOf(name: string, told: string | undefined, members: readonly string[]): MetricType {
  const known = TYPES[told ?? '']
  if (known) return known
  if (members.includes(`${name}_bucket`)) return 'histogram'
  return /_total$/.test(name) ? 'counter' : /_info$/.test(name) ? 'info' : 'unknown'
}

/** Every metric once, sorted by name. `series` maps names to how many series they have. */
export function familiesOf(
  names: readonly string[],
  metadata: Record<string, MetricMetadata[]>,
  series: ReadonlyMap<string, number>,
): MetricFamily[] {
  const all = new Set(names)
  const members = new Map<string, string[]>()
  for (const name of [...names].sort()) {
    const base = baseOf(name, all, metadata)
    const list = members.get(base)
    if (list) list.push(name)
    else members.set(base, [name])
  }
  return [...members].map(([name, own]): MetricFamily => {
    const told = metadata[name]?.[0] ?? metadata[name.replace(/_total$/, '')]?.[0]
    const type = typeOf(name, told?.type, own)
    const words = name.replace(/_total$/, '').split('_')
    return {
      name,
      type,
      unit: told?.unit || (UNITS.find((unit) => words.at(-1) === unit) ?? ''),
      help: told?.help ?? '',
      members: own,
      series: own.every((one) => series.has(one)) ? own.reduce((sum, one) => sum + (series.get(one) ?? 0), 0) : null,
      native: type === 'histogram' && !own.includes(`${name}_bucket`),
    }
  })
}

/** A metric's name as PromQL selects it; names beyond the classic letters stand in braces. */
export function selectorOf(name: string): string {
  return /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name) ? name : `{${JSON.stringify(name)}}`
}

/** A graph that is useful for a metric of this type, without a word of PromQL from the person. */
export function suggestedExpression({ name, type, members, native }: MetricFamily): string {
  const own = selectorOf(name)
  switch (type) {
    case 'counter':
      return `rate(${own}[5m])`
    case 'histogram':
      if (native) return `histogram_quantile(0.95, sum(rate(${own}[5m])))`
      return `histogram_quantile(0.95, sum by (le) (rate(${selectorOf(`${name}_bucket`)}[5m])))`
    case 'summary':
      return members.includes(name)
        ? own
        : `rate(${selectorOf(`${name}_sum`)}[5m]) / rate(${selectorOf(`${name}_count`)}[5m])`
    default:
      return own
  }
}

/** The expression whose result can be drawn as a heat map; null where the metric is no histogram. */
export function heatExpression({ name, type, native }: MetricFamily): string | null {
  if (type !== 'histogram') return null
  if (native) return `sum(increase(${selectorOf(name)}[5m]))`
  return `sum by (le) (increase(${selectorOf(`${name}_bucket`)}[5m]))`
}

/** A line of the explorer: a group that opens, or a metric. */
export type TreeLine =
  | { kind: 'group'; prefix: string; depth: number; count: number; open: boolean }
  | { kind: 'metric'; family: MetricFamily; depth: number; short: string }

/** Groups of fewer metrics stand open in the list. */
const LEAST_GROUP = 3
const DEEPEST = 4

/**
 * The metrics as a tree by the parts of their names, as lines. A level that all its metrics share is not shown as one of
 * its own. @param isOpen by prefix
 */
export function treeLines(families: readonly MetricFamily[], isOpen: (prefix: string) => boolean): TreeLine[] {
  const lines: TreeLine[] = []
  const walk = (list: readonly MetricFamily[], prefix: string, depth: number): void => {
    for (const [part, own] of groupsBy(list, prefix)) {
      if (own.length < LEAST_GROUP || depth >= DEEPEST || part === '') {
        for (const family of own) lines.push({ kind: 'metric', family, depth, short: family.name.slice(prefix.length) })
        continue
      }
      const longest = sharedPrefix(own)
      const open = isOpen(longest)
      lines.push({ kind: 'group', prefix: longest, depth, count: own.length, open })
      if (open) walk(own, longest, depth + 1)
    }
  }
  walk(families, '', 0)
  return lines
}

function groupsBy(list: readonly MetricFamily[], prefix: string): Map<string, MetricFamily[]> {
  const groups = new Map<string, MetricFamily[]>()
  for (const family of list) {
    const [, part = ''] = /^([^_:.]*[_:.])/.exec(family.name.slice(prefix.length)) ?? []
    const key = part || `\0${family.name}`
    const own = groups.get(key)
    if (own) own.push(family)
    else groups.set(key, [family])
  }
  return groups
}

/** The parts of the name that all share, ending in a separator. */
function sharedPrefix(list: readonly MetricFamily[]): string {
  const [first, ...others] = list.map(({ name }) => name)
  let length = first.length
  for (const other of others) while (!other.startsWith(first.slice(0, length))) length--
  while (length > 0 && !/[_:.]/.test(first[length - 1])) length--
  return first.slice(0, length)
}

/** Metrics whose name, help or type has every word of the search; names that begin with it first. */
export function searchFamilies(families: readonly MetricFamily[], search: string): MetricFamily[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return [...families]
  const rank = (family: MetricFamily): number => {
    const name = family.name.toLowerCase()
    if (name.startsWith(words[0])) return 0
    return words.every((word) => name.includes(word)) ? 1 : 2
  }
  return families
    .filter((family) => {
      const text = `${family.name} ${family.help} ${family.type}`.toLowerCase()
      return words.every((word) => text.includes(word))
    })
    .map((family) => ({ family, rank: rank(family) }))
    .sort((a, b) => a.rank - b.rank || (a.family.name < b.family.name ? -1 : 1))
    .map(({ family }) => family)
}
