import { createHash } from 'node:crypto'
import type { RE2JS } from 're2js'
import type { RelabelRule } from '../../config/settings.ts'
import { expandTemplate } from '../../model/expand-template.ts'
import { compileAnchored } from '../../model/label-regex.ts'

/** Names to values; an absent label equals an empty one. */
export type LabelMap = Map<string, string>

interface Step extends RelabelRule {
  compiled: RE2JS
}

/** Relabelling rules ready to run (Prometheus' relabel_config, every action). */
export class Relabeller {
  #steps: Step[]

  /** @throws Error naming the rule whose expression RE2 does not take */
  constructor(rules: readonly RelabelRule[]) {
    this.#steps = rules.map((rule) => {
      try {
        return { ...rule, compiled: compileAnchored(rule.regex) }
      } catch (error) {
        throw new Error(`relabelling: ${JSON.stringify(rule.regex)} cannot be read: ${(error as Error).message}`)
      }
    })
  }

  get idle(): boolean {
    return this.#steps.length === 0
  }

  /** Changes `labels` in place; false = dropped. */
  apply(labels: LabelMap): boolean {
    return this.#steps.every((step) => run(step, labels))
  }
}

function run(step: Step, labels: LabelMap): boolean {
  const { action, sourceLabels, separator, targetLabel, replacement, compiled } = step
  const value = sourceLabels.map((name) => labels.get(name) ?? '').join(separator)
  switch (action) {
    case 'keep':
      return compiled.matches(value)
    case 'drop':
      return !compiled.matches(value)
    case 'keepequal':
      return (labels.get(targetLabel) ?? '') === value
    case 'dropequal':
      return (labels.get(targetLabel) ?? '') !== value
    case 'replace': {
      const matcher = compiled.matcher(value)
      if (!matcher.find()) return true
      const target = expandTemplate(targetLabel, matcher, compiled)
      if (target !== '') put(labels, target, expandTemplate(replacement, matcher, compiled))
      return true
    }
    case 'lowercase':
      put(labels, targetLabel, value.toLowerCase())
      return true
    case 'uppercase':
      put(labels, targetLabel, value.toUpperCase())
      return true
    case 'hashmod': {
      const hash = createHash('md5').update(value).digest().readBigUInt64BE(8)
      put(labels, targetLabel, String(hash % BigInt(step.modulus)))
      return true
    }
    case 'labelmap':
      for (const [name, text] of [...labels]) {
        const matcher = compiled.matcher(name)
        if (matcher.find()) put(labels, expandTemplate(replacement, matcher, compiled), text)
      }
      return true
    case 'labeldrop':
      for (const name of [...labels.keys()]) if (compiled.matches(name)) labels.delete(name)
      return true
    case 'labelkeep':
      for (const name of [...labels.keys()]) if (!compiled.matches(name)) labels.delete(name)
      return true
  }
}

function put(labels: LabelMap, name: string, value: string): void {
  if (name === '') return
  if (value === '') labels.delete(name)
  else labels.set(name, value)
}
