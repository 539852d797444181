import { shallowReactive } from 'vue'
import type { AroundSubject } from './around-subject.ts'

/** Which layers of the shell are open, and what the key of live shows when rows wait behind a counter. */
export const layers = shallowReactive({
  palette: false,
  help: false,
  range: false,
  /** What the menu "see around this" is open for. */
  around: null as AroundSubject | null,
  showNew: null as (() => void) | null,
})
