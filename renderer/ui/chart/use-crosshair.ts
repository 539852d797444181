import { computed, onBeforeUnmount, type Ref, ref, shallowRef, watch } from 'vue'
import { exemplarAt, nearestByHeight, pointsAt } from './hit.ts'
import { useChartLink } from './link.ts'
import { type Plot, timeAt } from './scale.ts'
import { type ChartExemplar, type ChartHit, type ChartSeries, extremes } from './series.ts'

const DRAG_PX = 5

export interface CrosshairActions {
  zoom: (start: number, end: number) => void
  reset: () => void
  pick: (hit: ChartHit) => void
  exemplar: (one: ChartExemplar) => void
  hover: (hit: ChartHit | null) => void
}

/** What pointer and keys do on a chart: the shared crosshair, the line in focus, a range being dragged. */
export function useCrosshair(
  root: Ref<HTMLElement | null>,
  view: { plot: () => Plot; lines: () => readonly ChartSeries[]; exemplars: () => readonly ChartExemplar[] },
  act: CrosshairActions,
) {
  const link = useChartLink()
  const self = Symbol('chart')
  const focused = ref<string | null>(null)
  const drag = shallowRef<{ from: number; to: number } | null>(null)
  let pressedX = 0

  const mine = computed(() => link.owner.value === self)
  const points = computed(() => (link.time.value === null ? [] : pointsAt(view.lines(), view.plot(), link.time.value)))
  const hit = computed(() => {
    if (!mine.value) return null
    return points.value.find(({ series }) => series.id === focused.value) ?? points.value[0] ?? null
  })
  watch(hit, (now, before) => {
    const same = now?.time === before?.time && now?.series.id === before?.series.id && now?.value === before?.value
    if (!same) act.hover(now)
  })

  function stand(time: number, line: string | null): void {
    link.owner.value = self
    link.time.value = time
    focused.value = line
  }
  function leave(): void {
    link.time.value = null
    link.owner.value = null
    focused.value = null
  }
  function zoomInto(range: { from: number; to: number }): void {
    act.zoom(Math.min(range.from, range.to), Math.max(range.from, range.to))
  }

  function place(event: MouseEvent): { x: number; y: number; time: number } {
    const bounds = root.value?.getBoundingClientRect()
    const x = event.clientX - (bounds?.left ?? 0)
    return { x, y: event.clientY - (bounds?.top ?? 0), time: timeAt(view.plot(), x) }
  }
  function move(event: PointerEvent): void {
    const { y, time } = place(event)
    stand(time, focused.value)
    focused.value = nearestByHeight(points.value, view.plot(), y)?.series.id ?? null
    if (drag.value) drag.value = { from: drag.value.from, to: time }
  }
  function down(event: PointerEvent): void {
    if (event.button !== 0) return
    const { x, time } = place(event)
    pressedX = x
    if (event.currentTarget instanceof HTMLElement) event.currentTarget.setPointerCapture(event.pointerId)
    drag.value = { from: time, to: time }
  }
  function up(event: PointerEvent): void {
    const dragged = drag.value
    drag.value = null
    if (!dragged) return
    move(event)
    const { x, y, time } = place(event)
    if (Math.abs(x - pressedX) >= DRAG_PX) {
      // With Shift a drag only looks.
      if (!event.shiftKey) zoomInto({ from: dragged.from, to: time })
      return
    }
    const dot = exemplarAt(view.exemplars(), view.plot(), x, y)
    if (dot) act.exemplar(dot)
    else if (hit.value) act.pick(hit.value)
  }
  function out(): void {
    drag.value = null
    // The keyboard may still stand here.
    if (mine.value && !root.value?.contains(document.activeElement)) leave()
  }
  function blur(): void {
    drag.value = null
    if (mine.value) leave()
  }

  function step(by: number, extend: boolean): void {
    const current = hit.value
    const line = current?.series ?? view.lines().find((one) => !one.ghost && extremes(one))
    if (!line) return
    let index = current ? current.index + by : by > 0 ? 0 : line.times.length - 1
    while (line.values[index] === null) index += Math.sign(by)
    if (index < 0 || index >= line.times.length) return
    const time = line.times[index]
    drag.value = extend ? { from: drag.value?.from ?? current?.time ?? time, to: time } : null
    stand(time, line.id)
  }
  function otherLine(by: number): void {
    const sorted = [...points.value].sort((a, b) => b.value - a.value)
    const at = sorted.findIndex(({ series }) => series.id === hit.value?.series.id)
    focused.value = sorted[Math.min(sorted.length - 1, Math.max(0, at + by))]?.series.id ?? null
  }
  function enter(): void {
    const range = drag.value
    drag.value = null
    if (range && range.from !== range.to) zoomInto(range)
    else if (hit.value) act.pick(hit.value)
  }
  function nearestExemplar(): void {
    const at = hit.value?.time ?? view.plot().end
    const dot = [...view.exemplars()].sort((a, b) => Math.abs(a.time - at) - Math.abs(b.time - at))[0]
    if (dot) act.exemplar(dot)
  }
  function back(): void {
    if (drag.value) drag.value = null
    else leave()
  }
  const tenth = (): number => Math.max(1, Math.round((view.lines()[0]?.times.length ?? 10) / 10))
  const KEYS: Record<string, (extend: boolean) => void> = {
    ArrowLeft: (extend) => step(-1, extend),
    ArrowRight: (extend) => step(1, extend),
    PageUp: (extend) => step(-tenth(), extend),
    PageDown: (extend) => step(tenth(), extend),
    ArrowUp: () => otherLine(-1),
    ArrowDown: () => otherLine(1),
    Enter: enter,
    e: nearestExemplar,
    '0': () => act.reset(),
  }
  function key(event: KeyboardEvent): void {
    if (event.metaKey || event.ctrlKey || event.altKey) return
    const run = event.key === 'Escape' && (drag.value || mine.value) ? back : KEYS[event.key]
    if (!run) return
    run(event.shiftKey)
    event.preventDefault()
    event.stopPropagation()
  }

  onBeforeUnmount(() => {
    if (mine.value) leave()
  })
  return { time: link.time, mine, points, hit, drag, on: { move, down, up, out, key, blur } }
}
