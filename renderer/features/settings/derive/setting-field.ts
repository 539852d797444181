import type { SettingInfo, SettingsAnswer } from '../../../../core/api/contract/shapes.ts'
import { bytes, duration, exactCount, parseDuration } from '../../../ui/format.ts'

type Setting = SettingsAnswer[string]

/** How a value stands in its field: lists with one entry a line. Documents are YAML: see SettingDocument.vue. */
export function fieldText(value: unknown): string {
  return Array.isArray(value) ? value.map(String).join('\n') : String(value ?? '')
}

const SIZES: Record<string, number> = { b: 1, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3, tib: 1024 ** 4 }

/** The field's text as a value. Numbers may have a unit (`16 MiB`, `5 s`); what cannot be read as one is null. */
export function fieldValue(text: string, info: SettingInfo): unknown {
  switch (info.kind) {
    case 'switch':
      return text === 'true'
    case 'number':
      return readNumber(text, info.unit)
    case 'list':
      return text
        .split('\n')
        .map((entry) => entry.trim())
        .filter(Boolean)
    default:
      return text
  }
}

function readNumber(text: string, unit: string): number | null {
  const plain = text.trim().replaceAll(',', '')
  if (plain === '') return null
  const bare = Number(plain)
  if (Number.isFinite(bare)) return bare
  if (unit === 'ms') {
    const us = parseDuration(plain)
    return us === null ? null : us / 1000
  }
  const match = unit === 'bytes' ? /^(\d+(?:\.\d+)?)\s*([kmgt]i?b|b)$/i.exec(plain) : null
  if (!match) return null
  const factor = SIZES[match[2].toLowerCase().replace(/^([kmgt])b$/, '$1ib')]
  return factor === undefined ? null : Math.round(Number(match[1]) * factor)
}

/** What is wrong with a number before the core is asked; the parameters are those of the message `settings.fault_…`. */
export function fieldFault(
  value: unknown,
  info: SettingInfo,
): { fault: 'number' | 'whole' | 'above' | 'least' | 'most'; bound: string } | null {
  if (info.kind !== 'number') return null
  if (typeof value !== 'number') return { fault: 'number', bound: '' }
  if (info.integer && !Number.isInteger(value)) return { fault: 'whole', bound: '' }
  if (info.min !== null && info.aboveMin && value <= info.min) return { fault: 'above', bound: exactCount(info.min) }
  if (info.min !== null && value < info.min) return { fault: 'least', bound: withUnit(info.min, info.unit) }
  if (info.max !== null && value > info.max) return { fault: 'most', bound: withUnit(info.max, info.unit) }
  return null
}

/** A number as a person reads it: `16 MiB`, `2.00 m`; exact where it has no such form. */
export function withUnit(value: number, unit: string): string {
  if (unit === 'bytes') return bytes(value)
  if (unit === 'ms') return value === 0 ? '0 ms' : duration(value * 1000)
  return unit === '' ? String(value) : `${exactCount(value)} ${unit}`
}

/** A default as one short line. */
export function shortValue(value: unknown, info: SettingInfo): string {
  if (typeof value === 'number')
    return info.unit === 'days' || info.unit === '' ? String(value) : withUnit(value, info.unit)
  return Array.isArray(value) ? value.join(', ') : String(value)
}

export const isLocked = ({ source }: Setting): boolean => source === 'environment' || source === 'flag'

export function isChanged({ value, default: usual }: Setting): boolean {
  return JSON.stringify(value) !== JSON.stringify(usual)
}

/** Settings whose key, help or group hold every word. */
export function findSettings(
  infos: readonly SettingInfo[],
  text: string,
  wordsOf: (info: SettingInfo) => string,
): SettingInfo[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  return infos.filter((info) => {
    const all = `${info.key} ${wordsOf(info)} ${info.variable ?? ''} ${info.flag ?? ''}`.toLowerCase()
    return words.every((word) => all.includes(word))
  })
}
