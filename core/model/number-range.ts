/** Ranges that numbers are counted by, so that a thousand durations tell something: 1–2–5 a decade, and zero for itself. */
export interface NumberRange {
  from: number
  /** Not in it any more, unless it is `from`. */
  to: number
}

/** The range that a number lies in; null for what is no finite number. */
export function rangeOf(value: number): NumberRange | null {
  if (!Number.isFinite(value)) return null
  if (value === 0) return { from: 0, to: 0 }
  const size = Math.abs(value)
  const edges = (power: number): number[] => [1, 2, 5, 10].map((step) => Number(`${step}e${power}`))
  let power = Math.floor(Math.log10(size))
  // The logarithm of a power of ten may come out on either side of it.
  if (size < Number(`1e${power}`)) power--
  else if (size >= Number(`10e${power}`)) power++
  const [one, two, five, ten] = edges(power)
  const [from, to] = size < two ? [one, two] : size < five ? [two, five] : [five, ten]
  return value > 0 ? { from, to } : { from: -to, to: -from }
}

export const rangeText = ({ from, to }: NumberRange): string => `${from} ${to}`
export function readRange(text: string): NumberRange {
  const [from, to] = text.split(' ').map(Number)
  return { from, to }
}
