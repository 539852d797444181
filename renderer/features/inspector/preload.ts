import { LayoutThread } from './layout-thread.ts'

/** A page that is never idle loads it after so long all the same. */
const LATEST_MS = 3000

/**
 * Loads what opening a trace needs while the page has nothing else to do, so that the first one waits for its data alone.
 * @returns calls it off
 */
export function preloadInspector(): () => void {
  const waiting = requestIdleCallback(
    () => {
      LayoutThread.keepReady()
      // What cannot be loaded now is asked for again when a trace is opened, and then said.
      import('./InspectorDrawer.vue').catch(() => undefined)
    },
    { timeout: LATEST_MS },
  )
  return () => cancelIdleCallback(waiting)
}
