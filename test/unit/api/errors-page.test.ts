import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { ERRORS } from '../../../core/base/errors.ts'
import { errorsPage } from '../../../core/base/errors-page.ts'
import { en } from '../../../renderer/i18n/en.ts'
import { zhCN } from '../../../renderer/i18n/zh-CN.ts'

const codes = Object.keys(ERRORS).sort()

it('ERRORS.md is what the catalogue says; write it anew with: node build/errors-page.mjs', () => {
  expect(readFileSync(new URL('../../../core/base/ERRORS.md', import.meta.url), 'utf8')).toBe(errorsPage())
})

it('every error says what happened and what to do, in whole sentences', () => {
  for (const [code, { status, title, hint }] of Object.entries(ERRORS)) {
    expect([code, status]).toEqual([code, expect.toSatisfy((number: number) => number >= 400 && number < 600)])
    expect([code, title]).toEqual([code, expect.stringMatching(/^[A-Z].*[^.]$/)])
    expect([code, hint]).toEqual([code, expect.stringMatching(/^[A-Z].*[.]$/)])
  }
})

it('the page knows every code in both languages', () => {
  expect(Object.keys(en.errors).sort()).toEqual(codes)
  expect(Object.keys(zhCN.errors).sort()).toEqual(codes)
})
