import { duration, percent } from '../../../ui/format.ts'
import type { Change } from './compare-graphs.ts'

/** A change with its sign: `+12 %`, `−3 %`, `±0`. */
export function signed(value: number, text: (absolute: number) => string): string {
  const told = text(Math.abs(value))
  return value === 0 || /^0\b/.test(told) ? '±0' : `${value > 0 ? '+' : '−'}${told}`
}
export const callsChange = ({ calls }: Change): string => (calls === null ? '' : signed(calls, percent))
export const p95Change = ({ p95 }: Change): string => (p95 === null ? '' : signed(p95, duration))
