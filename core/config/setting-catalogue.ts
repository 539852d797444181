import { z } from 'zod'
import { flagOf, variableOf } from './load-settings.ts'
import { SECRET_SETTINGS } from './secret-box.ts'
import { settingTexts } from './setting-texts.ts'
import { defaultSettings, flattenSettings, settingsSchema } from './settings.ts'

/** Everything that a form needs to know of one setting. */
export interface SettingInfo {
  /** Dotted path in the schema. */
  key: string
  /** `list` is of words, `document` of anything else; both are arrays. */
  kind: 'switch' | 'number' | 'choice' | 'text' | 'list' | 'document'
  help: string
  /** `ms`, `bytes`, `days`, or what is counted; empty for numbers without. */
  unit: string
  /** Numbers only. */
  min: number | null
  max: number | null
  /** The bound itself is not allowed: days have to be above 0. */
  aboveMin: boolean
  integer: boolean
  choices: string[]
  restart: boolean
  managed: 'storage' | 'views' | null
  secret: boolean
  /** What else sets it; null where nothing does. */
  variable: string | null
  flag: string | null
}

interface Node {
  type?: string
  properties?: Record<string, Node>
  enum?: unknown[]
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  items?: Node
}

/** Every setting in the order of the schema, generated from it. */
export function settingCatalogue(): SettingInfo[] {
  const root = z.toJSONSchema(settingsSchema, { io: 'input' }) as Node
  return Object.keys(flattenSettings(defaultSettings)).map((key) => {
    const node = key.split('.').reduce<Node>((at, part) => at.properties?.[part] ?? {}, root)
    return infoOf(key, node)
  })
}

function infoOf(key: string, node: Node): SettingInfo {
  const text = settingTexts[key]
  const max = node.maximum ?? Number.MAX_SAFE_INTEGER
  return {
    key,
    kind: kindOf(node),
    help: text?.help ?? '',
    unit: text?.unit ?? unitOf(key),
    min: node.exclusiveMinimum ?? node.minimum ?? null,
    max: max === Number.MAX_SAFE_INTEGER ? null : max,
    aboveMin: node.exclusiveMinimum !== undefined,
    integer: node.type === 'integer',
    choices: (node.enum ?? []).map(String),
    restart: text?.restart ?? false,
    managed: text?.managed ?? null,
    secret: SECRET_SETTINGS.has(key),
    variable: variableOf(key),
    flag: flagOf(key),
  }
}

function kindOf({ type, enum: choices, items }: Node): SettingInfo['kind'] {
  if (choices) return 'choice'
  if (type === 'boolean') return 'switch'
  if (type === 'array') return items?.type === 'string' ? 'list' : 'document'
  return type === 'integer' || type === 'number' ? 'number' : 'text'
}

function unitOf(key: string): string {
  if (key.endsWith('Ms')) return 'ms'
  if (/bytes$/i.test(key)) return 'bytes'
  return key.endsWith('.days') ? 'days' : ''
}
