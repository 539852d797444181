import type { SettingInfo } from '../../../core/api/contract/shapes.ts'

export const SECTIONS = [
  'general',
  'intake',
  'storage',
  'metrics',
  'retention',
  'backup',
  'desktop',
  'keyboard',
  'transfer',
  'about',
] as const
export type Section = (typeof SECTIONS)[number]

/** Groups of the core's schema (the first part of a key) by section; one that is named nowhere comes under "about". */
const GROUPS: Partial<Record<Section, string[]>> = {
  general: ['views'],
  intake: ['server', 'receivers', 'pipeline', 'sampling'],
  storage: ['storage', 'query'],
  metrics: ['metrics', 'promql', 'collectors'],
  retention: ['retention', 'privacy'],
  backup: ['backup'],
  desktop: ['desktop'],
  about: ['log'],
}

/** Names that older links use. */
const ALIASES: Record<string, Section> = { privacy: 'retention' }

export function sectionNamed(name: string): Section {
  return ALIASES[name] ?? SECTIONS.find((one) => one === name) ?? 'general'
}

export const groupOf = (key: string): string => key.split('.', 1)[0]

export function sectionOf(key: string): Section {
  const group = groupOf(key)
  return SECTIONS.find((section) => GROUPS[section]?.includes(group)) ?? 'about'
}

export interface SettingGroup {
  section: Section
  group: string
  infos: SettingInfo[]
}

/** Settings by group, in the order of the sections and, in each, of the schema. */
export function groupSettings(infos: readonly SettingInfo[]): SettingGroup[] {
  const groups = new Map<string, SettingGroup>()
  for (const info of infos) {
    const group = groupOf(info.key)
    const known = groups.get(group)
    if (known) known.infos.push(info)
    else groups.set(group, { section: sectionOf(info.key), group, infos: [info] })
  }
  return [...groups.values()].sort((a, b) => SECTIONS.indexOf(a.section) - SECTIONS.indexOf(b.section))
}
