import { parse, stringify } from 'yaml'
import { prometheusRule, type RelabelRule, readRule } from '../../../../core/model/scrape.ts'

/** Rules in Prometheus' spelling, as they stand in a prometheus.yml. */
export function rulesYaml(rules: object[]): string {
  return rules.length === 0
    ? ''
    : stringify(
        rules.map((rule) => prometheusRule(rule as RelabelRule)),
        { lineWidth: 0 },
      )
}

/** What is wrong with a text of rules: YAML's own words, the field that no rule has, or that it is no list. */
export type RulesFault = { kind: 'yaml'; text: string } | { kind: 'field'; text: string } | { kind: 'list'; text: '' }

/** A list of rules, alone or under the key that it has in a prometheus.yml. */
export function readRules(
  text: string,
): { rules: Partial<RelabelRule>[]; fault: null } | { rules: null; fault: RulesFault } {
  const fail = (fault: RulesFault): { rules: null; fault: RulesFault } => ({ rules: null, fault })
  if (text.trim() === '') return { rules: [], fault: null }
  let value: unknown
  try {
    value = parse(text)
  } catch (error) {
    return fail({ kind: 'yaml', text: (error as Error).message.split('\n', 1)[0] })
  }
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
    const [only, ...more] = Object.entries(value)
    if (more.length === 0 && /^(metric_)?relabel_configs$/.test(only?.[0] ?? '')) value = only[1]
  }
  if (!Array.isArray(value)) return fail({ kind: 'list', text: '' })
  const rules: Partial<RelabelRule>[] = []
  for (const entry of value) {
    const { rule, unknown } = readRule(entry)
    if (!rule) return fail(unknown === '' ? { kind: 'list', text: '' } : { kind: 'field', text: unknown })
    rules.push(rule)
  }
  return { rules, fault: null }
}
