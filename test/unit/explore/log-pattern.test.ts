import { describe, expect, it } from 'vitest'
import { patternOf } from '../../../core/query/log-pattern.ts'

describe('pattern of a message', () => {
  it.each([
    ['GET /products/MUG-014 200 in 278 ms', 'GET /products/<*> in <*> ms'],
    ['stock PEN-330: 56 left, 4 reserved', 'stock <*> left, <*> reserved'],
    ['authorised 13.49 EUR for order o_77104 (card ****9604)', 'authorised <*> EUR for order <*> (card <*>)'],
    ['user "Ada L" logged in', 'user <*> logged in'],
    ['tool call search_products {"query":"blue mug","max":5} done', 'tool call search_products <*> done'],
    ['trace 5b8efff798038103d269b633813fc60c ends', 'trace <*> ends'],
    ['cache miss', 'cache miss'],
    ['Error: boom\n    at f (a.js:1:2)', 'Error: boom'],
    ['', '<*>'],
  ])('%s', (body, pattern) => {
    expect(patternOf(body)).toBe(pattern)
  })

  it('folds lines that differ in numbers only, and keeps others apart', () => {
    expect(patternOf('waited 250 ms, retrying')).toBe(patternOf('waited 9 ms, retrying'))
    expect(patternOf('waited 250 ms, retrying')).not.toBe(patternOf('waited 250 ms, giving up'))
  })

  it('takes time that grows with the length alone', () => {
    for (const hostile of [
      '{"'.repeat(50_000),
      '*'.repeat(100_000),
      'a1'.repeat(50_000),
      '"'.repeat(99_999),
      '[{'.repeat(50_000),
    ])
      expect(patternOf(hostile).length).toBeLessThanOrEqual(400)
  })
})
