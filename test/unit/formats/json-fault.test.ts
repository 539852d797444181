import fc from 'fast-check'
import { expect, it } from 'vitest'
import { jsonFault } from '../../../core/formats/otlp/json-fault.ts'

it.each([
  ['', 0],
  ['{"a":}', 5],
  ['{"a":1,}', 7],
  ['[1,2', 4],
  ['[1 2]', 3],
  ['{"a":"b\\x"}', 7],
  ['{"a":"b', 7],
  ['{a:1}', 1],
  ['nul', 0],
  ['01', 1],
  ['1 1', 2],
  ['{"a":1}}', 7],
  ['[[[]]', 5],
])('%j is not JSON from %i on', (text, at) => {
  expect(() => JSON.parse(text)).toThrow()
  expect(jsonFault(text)).toBe(at)
})

it('agrees with JSON.parse on what is JSON, for any text near it', () => {
  const near = fc
    .tuple(fc.json(), fc.nat(), fc.constantFrom('', '"', '{', '}', '[', ']', ',', ':', '0', '.', 'e', '\\', ' ', '\n'))
    .map(([text, seed, char]) => {
      const at = seed % (text.length + 1)
      return seed % 3 === 0 ? text.slice(0, at) + char + text.slice(at) : text.slice(0, at) + char + text.slice(at + 1)
    })
  fc.assert(
    fc.property(near, (text) => {
      let valid = true
      try {
        JSON.parse(text)
      } catch {
        valid = false
      }
      expect(jsonFault(text) === -1).toBe(valid)
    }),
    { numRuns: 3000, seed: 7 },
  )
})

it('takes any depth', () => {
  const deep = '['.repeat(200_000)
  expect(jsonFault(deep)).toBe(deep.length)
  expect(jsonFault(deep + ']'.repeat(200_000))).toBe(-1)
})
