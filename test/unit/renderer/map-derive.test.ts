import { expect, it } from 'vitest'
import { keptSeconds, rateText } from '../../../renderer/features/map/derive/view.ts'

it('tells calls a second of the time in which spans were kept', () => {
  const hour = { start: 0, end: 3600e6 }
  expect(keptSeconds(hour, null)).toBe(3600)
  expect(keptSeconds(hour, -5e6)).toBe(3600)
  expect(keptSeconds(hour, 3000e6)).toBe(600)
  // The oldest span of all came after the range's end: nothing to divide by, and nothing to show.
  expect(keptSeconds(hour, 4000e6)).toBe(1)
  expect(rateText(1200, keptSeconds(hour, 3000e6))).toBe('2.0/s')
})
