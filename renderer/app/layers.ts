import { reactive } from 'vue'

/** Which layers of the shell are open. */
export const layers = reactive({ palette: false, help: false, range: false })
