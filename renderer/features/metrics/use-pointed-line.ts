import { type ComputedRef, type Ref, ref } from 'vue'
import { useAroundIn } from '../../app/around.ts'
import type { AroundSubject } from '../../app/around-subject.ts'
import { usePreferences } from '../../app/stores/preferences.ts'
import { timeOfDay } from '../../ui/format-time.ts'
import { type ResultLine, serviceOf } from './derive/lines.ts'

/**
 * The line under the pointer or the keys, at the crosshair, and `.` or a right click on `element` for what lies around it.
 * @param otherwise what the menu is for where no line is pointed at
 */
export function usePointedLine(
  element: Ref<HTMLElement | null>,
  lines: ComputedRef<ResultLine[]>,
  isService: (name: string) => boolean,
  otherwise: () => AroundSubject | null = () => null,
): {
  hovered: Ref<string | null>
  time: Ref<number | null>
  hover: (id: string | null, time: number | null) => void
} {
  const preferences = usePreferences()
  const hovered = ref<string | null>(null)
  const time = ref<number | null>(null)
  useAroundIn(element, () => {
    const line = lines.value.find(({ id }) => id === hovered.value)
    if (!line || time.value === null) return otherwise()
    const what = `${line.name} ${timeOfDay(time.value, preferences.zone)}`
    return { what, start: time.value, end: time.value, ...originOf([line], isService) }
  })
  function hover(id: string | null, at: number | null): void {
    hovered.value = id
    time.value = at
  }
  return { hovered, time, hover }
}

/** The one service and the one host that all lines are of. */
export function originOf(
  lines: readonly Pick<ResultLine, 'labels'>[],
  isService: (name: string) => boolean,
): { service: string | null; host: string | null } {
  const same = (of: (labels: Record<string, string>) => string | null): string | null => {
    const found = new Set(lines.map(({ labels }) => of(labels)))
    return found.size === 1 ? ([...found][0] ?? null) : null
  }
  return { service: same((labels) => serviceOf(labels, isService)), host: same(hostOf) }
}

function hostOf(labels: Record<string, string>): string | null {
  return labels['host_name'] ?? (labels['job'] === 'host' ? (labels['instance'] ?? null) : null)
}
