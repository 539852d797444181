import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { REFUSALS } from '../../../core/storage/postgres/refusals.ts'
import { en } from '../../../renderer/i18n/en.ts'
import { zhCN } from '../../../renderer/i18n/zh-CN.ts'

const flatten = (messages: object, prefix = ''): [string, string][] =>
  Object.entries(messages).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[prefix + key, value] as [string, string]]
      : flatten(value as object, `${prefix}${key}.`),
  )
const parameters = (text: string): string[] => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort()

describe('messages', () => {
  const english = new Map(flatten(en))
  const chinese = new Map(flatten(zhCN))

  it('exist in both languages with the same parameters', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort())
    for (const [key, text] of english)
      expect([key, parameters(chinese.get(key) ?? '')]).toEqual([key, parameters(text)])
  })

  it('say every way in which a Postgres refuses', () => {
    const said = [...english].filter(([key]) => key.startsWith('storage.refused_'))
    expect(said.map(([key, text]) => [key, parameters(text)])).toEqual(
      Object.entries(REFUSALS).map(([name, [, sentence]]) => [`storage.refused_${name}`, parameters(sentence)]),
    )
    const hints = [...english].filter(([key]) => key.startsWith('storage.refusedHint_'))
    expect(hints).toEqual(
      Object.entries(REFUSALS).flatMap(([name, [, , hint]]) => (hint ? [[`storage.refusedHint_${name}`, hint]] : [])),
    )
  })

  it('exist for every key that a component names', () => {
    const root = fileURLToPath(new URL('../../../renderer', import.meta.url))
    const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.(vue|ts)$/.test(file))
    const named = sources.flatMap((file) =>
      [...readFileSync(join(root, file), 'utf8').matchAll(/\btn?\('([a-z]+\.[\w-]+)'/g)].map((match) => match[1]),
    )
    expect(named.length).toBeGreaterThan(100)
    expect(named.filter((key) => !english.has(key))).toEqual([])
  })
})
