import type { TimeWindow } from '../derive/time-window.ts'

/** Room left of the first moment and, for the durations beside the bars, right of the last, px. */
export const PAD_LEFT = 14
export const PAD_RIGHT = 58

/** px of a moment in a plot of this width, and back. */
export function toX(window: TimeWindow, width: number, time: number): number {
  return PAD_LEFT + ((time - window.from) / (window.to - window.from)) * Math.max(1, width - PAD_LEFT - PAD_RIGHT)
}

export function toTime(window: TimeWindow, width: number, x: number): number {
  return window.from + ((x - PAD_LEFT) / Math.max(1, width - PAD_LEFT - PAD_RIGHT)) * (window.to - window.from)
}
