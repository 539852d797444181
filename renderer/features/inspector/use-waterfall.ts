import { computed, ref, shallowRef, watch } from 'vue'
import { idAt, SPAN_TYPES } from '../../../core/model/trace-structure.ts'
import { findSpans } from './derive/find.ts'
import { SpanIndex } from './derive/span-index.ts'
import { clampWindow, parseWindow, type TimeWindow, windowText } from './derive/time-window.ts'
import { collapseAtLevel, keepWithAncestors, Line, logsBySpan, longSpans, visibleLines } from './derive/visible-rows.ts'
import type { InspectorState } from './inspector-state.ts'
import type { LoadedTrace } from './use-trace.ts'

const WARN = 13
const NOTHING: ReadonlyMap<number, readonly number[]> = new Map()
const MOST_FOLDED = 40

/** Which lines the waterfall shows and how one moves among them. */
export function useWaterfall(loaded: () => LoadedTrace | null, state: InspectorState) {
  const { choices, shown, set } = state
  const collapsed = ref(new Set<number>())
  const opened = ref(new Set<number>())
  /** Rows that the server found by attribute or event; names are searched here. */
  const serverMatches = shallowRef<readonly number[]>([])

  const index = computed(() => {
    const one = loaded()
    return one ? new SpanIndex(one.trace.spanIds) : null
  })
  const spanOf = (id: string): number => index.value?.findHex(id) ?? -1

  /** By the address: `2` folds below level 2, else first halves of span ids. */
  watch(
    loaded,
    (one, before) => {
      if (!one) return
      if (before && before.trace.traceId === one.trace.traceId) {
        const rows = [...collapsed.value].map((row) => one.layout.tree.rowOf[before.layout.tree.order[row]])
        collapsed.value = new Set(rows.filter((row) => row !== undefined))
        return
      }
      collapsed.value = readFolded(one)
      opened.value = new Set()
      serverMatches.value = []
    },
    { immediate: true },
  )
  function readFolded({ layout, trace }: LoadedTrace): Set<number> {
    if (/^\d{1,3}$/.test(shown.folded)) return collapseAtLevel(layout, Number(shown.folded))
    const wanted = new Set(shown.folded.split('.').filter(Boolean))
    const rows = new Set<number>()
    if (wanted.size > 0)
      for (let span = 0; span < layout.count; span++)
        if (wanted.has(idAt(trace.spanIds, span).slice(0, 8))) rows.add(layout.tree.rowOf[span])
    return rows
  }
  function writeFolded(): void {
    const one = loaded()
    if (!one) return
    const ids = [...collapsed.value]
      .slice(0, MOST_FOLDED)
      .map((row) => idAt(one.trace.spanIds, one.layout.tree.order[row]).slice(0, 8))
    set({ folded: ids.join('.') })
  }

  const found = computed(() => {
    const one = loaded()
    if (!one || shown.find === '') return null
    return findSpans(one.trace, shown.find, serverMatches.value)
  })
  const matches = computed(() => {
    const one = loaded()
    const list = found.value
    if (!one || !list) return null
    const mask = new Uint8Array(one.layout.count)
    for (const span of list) mask[span] = 1
    return mask
  })

  const allLogs = computed(() => {
    const one = loaded()
    return one && choices.logs.value ? logsBySpan(one.trace.logs, spanOf, 0) : NOTHING
  })
  const lineLogs = computed(() => {
    const one = loaded()
    return one && choices.logs.value ? logsBySpan(one.trace.logs, spanOf, WARN) : NOTHING
  })
  const events = computed(() => {
    const one = loaded()
    if (!one || !choices.events.value) return NOTHING
    const map = new Map<number, number[]>()
    one.trace.eventSpan.forEach((span, event) => {
      const list = map.get(span)
      if (list) list.push(event)
      else map.set(span, [event])
    })
    return map
  })

  const keep = computed(() => {
    const one = loaded()
    if (!one) return null
    if (shown.only === '1' && found.value) return keepWithAncestors(one.layout, found.value)
    if (shown.show === 'errors') {
      const failed: number[] = []
      for (let span = 0; span < one.layout.count; span++) if (one.trace.status[span] === 2) failed.push(span)
      return keepWithAncestors(one.layout, failed)
    }
    if (shown.show === 'long') return keepWithAncestors(one.layout, longSpans(one.layout, one.trace.dur, 0.01))
    return null
  })
  const lines = computed(() => {
    const one = loaded()
    if (!one) return null
    const unfolds = shown.show === 'errors' || (shown.only === '1' && found.value !== null)
    return visibleLines(one.layout, {
      collapsed: collapsed.value,
      opened: opened.value,
      group: choices.group.value && !unfolds,
      keep: keep.value,
      logs: lineLogs.value,
    })
  })

  /** The group in which a row is hidden, and the collapsed rows above it. */
  function reveal(span: number): void {
    const one = loaded()
    if (!one) return
    const { layout } = one
    const row = layout.tree.rowOf[span]
    const open = layout.groups.flatMap((group, at) => (row >= group.first && row < group.end ? [at] : []))
    const hiding = [...collapsed.value].filter((above) => row > above && row < layout.tree.end[above])
    if (open.some((at) => !opened.value.has(at))) opened.value = new Set([...opened.value, ...open])
    if (hiding.length > 0) {
      collapsed.value = new Set([...collapsed.value].filter((above) => !hiding.includes(above)))
      writeFolded()
    }
    if (keep.value && !keep.value[row]) set({ show: undefined, only: undefined })
  }

  const selected = computed(() => {
    const one = loaded()
    if (!one || one.layout.count === 0) return -1
    const asked = spanOf(shown.span)
    return asked >= 0 ? asked : one.layout.tree.order[0]
  })
  /** Line of the selected span; of the group that hides it; -1 when neither shows. */
  const selectedLine = computed(() => {
    const now = lines.value
    const one = loaded()
    if (!now || !one || selected.value < 0) return -1
    const row = one.layout.tree.rowOf[selected.value]
    for (let line = 0; line < now.kind.length; line++) {
      if (now.kind[line] === Line.span && now.ref[line] === selected.value) return line
      if (now.kind[line] === Line.folded) {
        const group = one.layout.groups[now.ref[line]]
        if (row >= group.first && row < group.end) return line
      }
    }
    return -1
  })

  function select(span: number): void {
    const one = loaded()
    if (one && span >= 0) set({ span: idAt(one.trace.spanIds, span) })
  }
  /** Span that a line stands for; log lines stand for the line above. */
  function spanOfLine(line: number): number {
    const now = lines.value
    const one = loaded()
    if (!now || !one || line < 0 || line >= now.kind.length) return -1
    if (now.kind[line] === Line.span) return now.ref[line]
    if (now.kind[line] === Line.folded || now.kind[line] === Line.opened)
      return one.layout.groups[now.ref[line]].members[0]
    return -1
  }
  function move(by: number): void {
    const now = lines.value
    if (!now) return
    const step = by < 0 ? -1 : 1
    let line = selectedLine.value
    for (let left = Math.abs(by); left > 0; ) {
      line += step
      if (line < 0 || line >= now.kind.length) break
      if (now.kind[line] < Line.opened) left--
      else if (now.kind[line] === Line.opened) continue
      if (left === 0) break
    }
    const target = spanOfLine(Math.min(Math.max(line, 0), now.kind.length - 1))
    if (target >= 0) select(target)
  }
  function toggleLine(line: number): void {
    const now = lines.value
    const one = loaded()
    if (!now || !one) return
    if (now.kind[line] === Line.span) {
      const row = one.layout.tree.rowOf[now.ref[line]]
      const next = new Set(collapsed.value)
      if (!next.delete(row)) next.add(row)
      collapsed.value = next
      writeFolded()
    } else if (now.kind[line] === Line.folded || now.kind[line] === Line.opened) {
      const next = new Set(opened.value)
      if (!next.delete(now.ref[line])) next.add(now.ref[line])
      opened.value = next
    }
  }
  /** ← closes, then goes to the parent; → opens, then goes to the first child. */
  function sideways(open: boolean): void {
    const now = lines.value
    const one = loaded()
    const line = selectedLine.value
    if (!now || !one || line < 0) return
    if (now.fold[line] === (open ? 2 : 1)) toggleLine(line)
    else if (open) {
      if (now.fold[line] === 1) move(1)
    } else {
      const row = one.layout.tree.rowOf[selected.value]
      const group = one.layout.groups.findIndex((g, at) => opened.value.has(at) && g.members.includes(selected.value))
      if (group >= 0 && row >= one.layout.groups[group].first) {
        const next = new Set(opened.value)
        next.delete(group)
        opened.value = next
      } else if (one.layout.parent[selected.value] >= 0) select(one.layout.parent[selected.value])
    }
  }
  function expandSubtree(): void {
    const one = loaded()
    if (!one || selected.value < 0) return
    const row = one.layout.tree.rowOf[selected.value]
    const end = one.layout.tree.end[row]
    collapsed.value = new Set([...collapsed.value].filter((at) => at < row || at >= end))
    const inside = one.layout.groups.flatMap((group, at) => (group.first >= row && group.first < end ? [at] : []))
    opened.value = new Set([...opened.value, ...inside])
    writeFolded()
  }
  function collapseTo(level: number | null): void {
    const one = loaded()
    if (!one) return
    collapsed.value = level === null ? new Set() : collapseAtLevel(one.layout, level)
    opened.value = new Set()
    set({ folded: level === null ? undefined : String(level) })
  }

  /** The next row after (or before) the selected one that `wanted` holds for, around the end; its place of how many. */
  function jump(wanted: (span: number) => boolean, step: 1 | -1): void {
    const one = loaded()
    if (!one || one.layout.count === 0) return
    const { order, rowOf } = one.layout.tree
    const { count } = one.layout
    let row = selected.value < 0 ? (step > 0 ? -1 : count) : rowOf[selected.value]
    for (let tried = 0; tried < count; tried++) {
      row = (row + step + count) % count
      if (!wanted(order[row])) continue
      reveal(order[row])
      select(order[row])
      return
    }
  }
  const nextError = (step: 1 | -1): void => jump((span) => loaded()?.trace.status[span] === 2, step)
  const nextMatch = (step: 1 | -1): void => jump((span) => matches.value?.[span] === 1, step)

  const whole = computed<TimeWindow>(() => {
    const one = loaded()
    return one ? { from: one.layout.from, to: Math.max(one.layout.to, one.layout.from + 0.01) } : { from: 0, to: 1 }
  })
  const zoom = computed(() => parseWindow(shown.zoom, whole.value))
  const window = computed(() => zoom.value ?? whole.value)
  function setWindow(next: TimeWindow): void {
    const clamped = clampWindow(next, whole.value)
    const all = clamped.to - clamped.from >= (whole.value.to - whole.value.from) * 0.9999
    set({ zoom: all ? undefined : windowText(clamped) })
  }

  const deepest = computed(() => {
    const depth = loaded()?.layout.tree.depth
    let most = 0
    if (depth) for (const one of depth) if (one > most) most = one
    return most
  })

  return {
    lines,
    matches,
    found,
    serverMatches,
    allLogs,
    events,
    selected,
    selectedLine,
    window,
    whole,
    zoomed: computed(() => zoom.value !== null),
    deepest,
    spanOf,
    spanOfLine,
    select,
    reveal,
    move,
    toggleLine,
    sideways,
    expandSubtree,
    collapseTo,
    nextError,
    nextMatch,
    setWindow,
    collapsed,
    typeOf: (span: number) => SPAN_TYPES[loaded()?.trace.type[span] ?? 0],
  }
}
export type Waterfall = ReturnType<typeof useWaterfall>
