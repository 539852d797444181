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

const UNITS: [us: number, name: string][] = [
  [3600e6, 'h'],
  [60e6, 'm'],
  [1e6, 's'],
  [1e3, 'ms'],
  [1, 'µs'],
]

/** Ticks of an axis of durations (µs) up to `top`, all in one unit. */
export function durationTicks(top: number): (us: number) => string {
  const [size, name] = UNITS.find(([us]) => top >= us * 1.5) ?? UNITS[UNITS.length - 1]
  return (us) => `${Number((us / size).toPrecision(3))} ${name}`
}
