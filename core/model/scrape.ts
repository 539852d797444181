/** What a test of a scrape job found; nothing of it is stored. */
export interface ScrapeTrial {
  targets: {
    url: string
    labels: Record<string, string>
    /** `unknown` when it had not answered by the time the test ended. */
    health: 'up' | 'down' | 'unknown'
    error: string
    /** After relabelling. */
    samples: number
    ms: number
  }[]
  /** Discovered and not scraped: `why` is empty where relabelling dropped it. */
  dropped: { labels: Record<string, string>; why: string }[]
  /** What discovery had to say. */
  problems: string[]
}

/** One of Prometheus' relabel_configs, in our spelling. */
export interface RelabelRule {
  action: string
  sourceLabels: string[]
  separator: string
  targetLabel: string
  regex: string
  modulus: number
  replacement: string
}

const FIELDS: Record<string, keyof RelabelRule> = {
  source_labels: 'sourceLabels',
  separator: 'separator',
  target_label: 'targetLabel',
  regex: 'regex',
  modulus: 'modulus',
  replacement: 'replacement',
  action: 'action',
}

/** What a rule is where it does not say. */
const DEFAULTS: RelabelRule = {
  action: 'replace',
  sourceLabels: [],
  separator: ';',
  targetLabel: '',
  regex: '(.*)',
  modulus: 0,
  replacement: '$1',
}

/** The rule as prometheus.yml spells it, without what is default there; the action always stands. */
export function prometheusRule(rule: RelabelRule): Record<string, unknown> {
  const shown = Object.entries(FIELDS).filter(
    ([, name]) => name === 'action' || JSON.stringify(rule[name]) !== JSON.stringify(DEFAULTS[name]),
  )
  return Object.fromEntries(shown.map(([theirs, ours]) => [theirs, rule[ours]]))
}

/** A rule in Prometheus' spelling or ours; the core checks the values. @returns the field that no rule has, or null as rule for what is none */
export function readRule(entry: unknown): { rule: Partial<RelabelRule> | null; unknown: string } {
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry)) return { rule: null, unknown: '' }
  const rule: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(entry)) {
    const field = FIELDS[name] ?? Object.values(FIELDS).find((one) => one === name)
    if (!field) return { rule: null, unknown: name }
    rule[field] = field === 'modulus' || field === 'sourceLabels' ? value : String(value)
  }
  return { rule: rule as Partial<RelabelRule>, unknown: '' }
}
