import type { RouteLocationRaw, Router } from 'vue-router'
import { viewBundle } from '../api/client.ts'

let leaving = false

/** Goes to an address of the own telemetry. */
export async function leaveBundle(router: Router, to: RouteLocationRaw): Promise<void> {
  leaving = true
  try {
    await router.push(to)
  } finally {
    leaving = false
  }
}

/** While a bundle is shown every link stays in it: nobody takes the own telemetry for somebody else's by a click. */
export function keepBundle(router: Router): void {
  router.beforeEach((to, from) => {
    const before = from.query.bundle
    if (typeof before !== 'string' || leaving || to.query.bundle !== undefined) return true
    return {
      path: to.path,
      query: { ...to.query, bundle: before },
      hash: to.hash,
      replace: to.redirectedFrom !== undefined,
    }
  })
  router.beforeResolve((to) => {
    viewBundle(typeof to.query.bundle === 'string' ? to.query.bundle : null)
  })
}
