import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  packFloats,
  packUints,
  unpackFloats,
  unpackNarrow,
  unpackUints,
} from '../../../core/storage/sqlite/blocks/pack.ts'

const uint = fc.oneof(
  fc.integer({ min: 0, max: 255 }),
  fc.integer({ min: 0, max: 65_535 }),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
)
const float = fc.oneof(fc.integer({ min: -(2 ** 50), max: 2 ** 50 }), fc.integer({ min: 0, max: 300 }), fc.double())
const cut = fc.tuple(fc.nat(40), fc.nat(40))
/** Two places of a list of `length`, the lower one first. */
const within = ([a, b]: [number, number], length: number): [number, number] => [
  Math.min(a, b, length),
  Math.min(Math.max(a, b), length),
]

it('any range of packed numbers is what it is of all of them', () => {
  fc.assert(
    fc.property(fc.array(uint, { maxLength: 40 }), cut, (list, places) => {
      const [first, stop] = within(places, list.length)
      const packed = packUints(Uint32Array.from(list))
      expect([...unpackUints(packed, list.length)]).toEqual(list)
      expect([...unpackUints(packed, list.length, first, stop)]).toEqual(list.slice(first, stop))
      expect([...unpackNarrow(packed, list.length)]).toEqual(list)
    }),
  )
  fc.assert(
    fc.property(fc.array(float, { maxLength: 40 }), cut, fc.boolean(), (list, places, delta) => {
      const [first, stop] = within(places, list.length)
      const packed = packFloats(Float64Array.from(list), delta)
      expect([...unpackFloats(packed, list.length)]).toEqual(list)
      expect([...unpackFloats(packed, list.length, first, stop)]).toEqual(list.slice(first, stop))
    }),
  )
})
