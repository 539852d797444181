/** The stretch of the trace that is drawn, µs after its start. */
export interface TimeWindow {
  from: number
  to: number
}

/** Shortest stretch that can be drawn: 10 ns. */
const SHORTEST = 0.01

/** The same window inside `whole`, not shorter than SHORTEST, not empty. */
export function clampWindow(wanted: TimeWindow, whole: TimeWindow): TimeWindow {
  const length = Math.max(SHORTEST, whole.to - whole.from)
  const size = Math.min(length, Math.max(SHORTEST, wanted.to - wanted.from))
  const from = Math.min(Math.max(wanted.from, whole.from), whole.from + length - size)
  return { from, to: from + size }
}

/** Factor below 1 shows less; the moment `at` stays where it is. */
export function zoomWindow(window: TimeWindow, factor: number, at: number, whole: TimeWindow): TimeWindow {
  const clamped = Math.min(Math.max(at, window.from), window.to)
  return clampWindow(
    { from: clamped - (clamped - window.from) * factor, to: clamped + (window.to - clamped) * factor },
    whole,
  )
}

/** Moves by a share of what is shown. */
export function panWindow(window: TimeWindow, share: number, whole: TimeWindow): TimeWindow {
  const by = (window.to - window.from) * share
  return clampWindow({ from: window.from + by, to: window.to + by }, whole)
}

/** The window around one span with a tenth of its length on both sides. */
export function aroundSpan(start: number, dur: number, whole: TimeWindow): TimeWindow {
  const margin = Math.max(dur * 0.1, (whole.to - whole.from) / 10_000)
  return clampWindow({ from: start - margin, to: start + dur + margin }, whole)
}

/** `1250.5,99000` as the address keeps it; null for the whole trace. */
export function windowText(window: TimeWindow | null): string | undefined {
  return window ? `${round(window.from)},${round(window.to)}` : undefined
}

export function parseWindow(text: unknown, whole: TimeWindow): TimeWindow | null {
  const match = typeof text === 'string' ? /^(-?[\d.]+),(-?[\d.]+)$/.exec(text) : null
  if (!match) return null
  const [from, to] = [Number(match[1]), Number(match[2])]
  return Number.isFinite(from) && Number.isFinite(to) && to > from ? clampWindow({ from, to }, whole) : null
}

function round(us: number): number {
  return Math.round(us * 1000) / 1000
}

/** Round moments between `from` and `to`, at most `count`. */
export function windowTicks({ from, to }: TimeWindow, count: number): number[] {
  const rough = (to - from) / Math.max(1, count)
  if (!(rough > 0)) return [from]
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough * 0.999) ?? 10 * power
  const ticks: number[] = []
  for (let i = Math.ceil(from / step - 1e-9) + 0; i * step <= to + step * 1e-9; i++) ticks.push(i * step)
  return ticks
}

const UNITS: readonly (readonly [number, string])[] = [
  [86_400e6, 'd'],
  [3600e6, 'h'],
  [60e6, 'm'],
  [1e6, 's'],
  [1e3, 'ms'],
  [1, 'µs'],
  [1e-3, 'ns'],
]

/** A tick of an axis whose ticks lie `step` µs apart: all in the unit that fits the last, with the decimals they need. */
export function tickText(us: number, step: number, last: number): string {
  if (us === 0) return '0'
  const [size, unit] = UNITS.find(([one]) => Math.abs(last) >= one) ?? UNITS[UNITS.length - 1]
  const decimals = Math.max(0, Math.min(6, Math.ceil(-Math.log10(step / size) - 1e-9)))
  return `${(us / size).toFixed(step > 0 ? decimals : 2)} ${unit}`
}
