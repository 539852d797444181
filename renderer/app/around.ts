import { useEventListener } from '@vueuse/core'
import { onBeforeUnmount, onMounted, type Ref } from 'vue'
import type { AroundSubject } from './around-subject.ts'
import { layers } from './layers.ts'

const providers: (() => AroundSubject | null)[] = []

/** While the component lives, `.` opens the menu for what `provide` answers. The one mounted last is asked first. */
export function useAround(provide: () => AroundSubject | null): void {
  onMounted(() => providers.push(provide))
  onBeforeUnmount(() => providers.splice(providers.indexOf(provide), 1))
}

/** The same, and a right click on `element` opens it. */
export function useAroundIn(element: Ref<HTMLElement | null>, provide: () => AroundSubject | null): void {
  useAround(provide)
  useEventListener(element, 'contextmenu', (event: MouseEvent) => {
    const subject = provide()
    if (!subject) return
    event.preventDefault()
    layers.around = subject
  })
}

/** What the keyboard or the pointer stands on; null when that is nothing in particular. */
export function subjectHere(): AroundSubject | null {
  for (const provide of [...providers].reverse()) {
    const subject = provide()
    if (subject) return subject
  }
  return null
}
