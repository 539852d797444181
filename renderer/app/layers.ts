import { shallowReactive } from 'vue'

/** Which layers of the shell are open, and what the key of live shows when rows wait behind a counter. */
export const layers = shallowReactive({
  palette: false,
  help: false,
  range: false,
  showNew: null as (() => void) | null,
})
