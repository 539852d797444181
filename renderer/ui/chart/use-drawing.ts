import type { EChartsType } from 'echarts/core'
import { onBeforeUnmount, onMounted, type Ref, watch } from 'vue'
import { createEngine } from './engine.ts'
import { chartOption, type OptionInput } from './option.ts'
import type { ChartSeries } from './series.ts'

/** New data of the same view is drawn so often at most. */
const PACE_MS = 1000
/** A view that moved by less than this share of itself is one that goes on with the clock. */
const MOVED = 0.05

export interface Drawing {
  canvas: Ref<HTMLElement | null>
  /** Whether there is anything to draw on: visible, of some width, and not a table. */
  ready: () => boolean
  /** Everything that is drawn. */
  input: () => OptionInput
  lines: () => readonly ChartSeries[]
  /** Size, theme, zone, language: a change is drawn at once. */
  look: () => string
  drawn: (input: OptionInput) => void
}

/**
 * Keeps a canvas up to date: a new view is drawn at once with what is there, and so is the data then fetched for it;
 * other data at most once a second, and nothing while it cannot be seen.
 */
export function useDrawing(drawing: Drawing): void {
  let chart: EChartsType | null = null
  let later: ReturnType<typeof setTimeout> | undefined
  let at = 0
  let shown = { start: 0, end: 0, look: '', lines: null as readonly ChartSeries[] | null }
  let owed = true

  function draw(): void {
    clearTimeout(later)
    later = undefined
    const { canvas, ready, look, lines } = drawing
    if (!canvas.value || !ready()) return
    const input = drawing.input()
    chart ??= createEngine(canvas.value)
    chart.resize({ width: input.width, height: input.height, silent: true })
    chart.setOption(chartOption(input), { notMerge: true, silent: true })
    at = performance.now()
    if (shown.lines !== lines()) owed = false
    shown = { start: input.plot.start, end: input.plot.end, look: look(), lines: lines() }
    drawing.drawn(input)
  }

  function wanted(): void {
    if (!drawing.ready() || document.visibilityState !== 'visible') return
    const { start, end } = drawing.input().plot
    const span = end - start
    const moved =
      Math.abs(start - shown.start) > span * MOVED || Math.abs(span - (shown.end - shown.start)) > span * 0.01
    if (moved) owed = true
    const now = moved || drawing.look() !== shown.look || (owed && shown.lines !== drawing.lines())
    const wait = now ? 0 : PACE_MS - (performance.now() - at)
    if (wait <= 0) draw()
    else later ??= setTimeout(draw, wait)
  }

  function forget(): void {
    chart?.dispose()
    chart = null
  }

  watch(() => [drawing.input(), drawing.ready(), drawing.look()], wanted, { flush: 'post' })
  // A table takes the canvas away, and the chart with it.
  watch(drawing.canvas, (element) => {
    if (!element) forget()
  })
  onMounted(() => {
    document.addEventListener('visibilitychange', wanted)
    void document.fonts?.ready.then(() => chart && draw())
  })
  onBeforeUnmount(() => {
    clearTimeout(later)
    document.removeEventListener('visibilitychange', wanted)
    forget()
  })
}
