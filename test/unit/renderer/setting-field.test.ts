import { expect, it } from 'vitest'
import { settingCatalogue } from '../../../core/config/setting-catalogue.ts'
import { defaultSettings, settingsSchema } from '../../../core/config/settings.ts'
import {
  fieldFault,
  fieldText,
  fieldValue,
  findSettings,
} from '../../../renderer/features/settings/derive/setting-field.ts'
import { groupSettings } from '../../../renderer/features/settings/sections.ts'
import { en } from '../../../renderer/i18n/en.ts'

const catalogue = settingCatalogue()
const info = (key: string) => {
  const found = catalogue.find((one) => one.key === key)
  if (!found) throw new Error(`no setting ${key}`)
  return found
}

it('reads numbers with and without a unit, and finds what is wrong with them', () => {
  const size = info('receivers.maxBodyBytes')
  expect(
    ['16777216', '16 MiB', '16mb', '1,024', '0.5 KiB', 'x', '', '5 s'].map((text) => fieldValue(text, size)),
  ).toEqual([16777216, 16777216, 16777216, 1024, 512, null, null, null])
  const time = info('pipeline.flushMs')
  expect(['250', '0.5 s', '2m', '5 MiB'].map((text) => fieldValue(text, time))).toEqual([250, 500, 120_000, null])
  const fault = (text: string, key: string) => fieldFault(fieldValue(text, info(key)), info(key))?.fault ?? null
  expect(fault('x', 'pipeline.flushMs')).toBe('number')
  expect(fault('1.5', 'pipeline.flushMs')).toBe('whole')
  expect(fault('0', 'retention.logs.days')).toBe('above')
  expect(fault('0.5', 'retention.logs.days')).toBe(null)
  expect(fault('100', 'receivers.maxBodyBytes')).toBe('least')
  expect(fault('70000', 'server.apiPort')).toBe('most')
})

it('writes each default into its field and reads it back', () => {
  for (const one of catalogue.filter(({ kind }) => kind !== 'document')) {
    const value = one.key
      .split('.')
      .reduce<unknown>((at, part) => (at as Record<string, unknown>)[part], defaultSettings)
    expect([one.key, fieldValue(fieldText(value), one)]).toEqual([one.key, value])
    expect(fieldFault(value, one)).toBe(null)
  }
})

it('groups every setting under a title, and finds them by words', () => {
  const groups = groupSettings(catalogue)
  expect(groups.map(({ group }) => group).sort()).toEqual(Object.keys(settingsSchema.shape).sort())
  const titles = new Set(Object.keys(en.settings))
  expect(groups.filter(({ group }) => !titles.has(`group_${group}`))).toEqual([])
  const found = findSettings(catalogue, 'OLDER daily', ({ help }) => help).map(({ key }) => key)
  expect(found).toEqual(['retention.traces.days', 'retention.logs.days', 'retention.metrics.days'])
  expect(findSettings(catalogue, 'GLASSBOX_API_PORT', () => '').map(({ key }) => key)).toEqual(['server.apiPort'])
})
