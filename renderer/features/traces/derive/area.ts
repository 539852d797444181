import type { HeatArea } from '../../../ui/heat-paint.ts'

/** The marked rectangle as the address has it, `start,end,least,most` in µs; null when it is none. */
export function readArea(text: string): HeatArea | null {
  const parts = text.split(',').map(Number)
  if (parts.length !== 4 || !parts.every((part) => Number.isSafeInteger(part) && part >= 0)) return null
  const [start, end, least, most] = parts
  return end > start && most >= least ? { start, end, least, most } : null
}

export function writeArea({ start, end, least, most }: HeatArea): string {
  return [start, end, least, most].join(',')
}
