import { bytes, count, duration, percent } from '../../ui/format.ts'
import type { CardUnit } from './derive/cards.ts'

/** How values of a unit are written, with their unit. */
export const FORMAT: Record<CardUnit, (value: number) => string> = {
  share: percent,
  bytes,
  bytesRate: (value) => `${bytes(value)}/s`,
  seconds: (value) => duration(value * 1e6),
  count: (value) => count(Math.round(value)),
  number: (value) => String(Number(value.toPrecision(3))),
  rate: (value) => `${value >= 100 ? count(Math.round(value)) : Number(value.toPrecision(3))}/s`,
}
