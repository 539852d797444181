/** The host without a window, in this very process. */
import { pathToFileURL } from 'node:url'
import { ensureCore } from './core.mjs'
import { ensureRenderer } from './renderer.mjs'

/** Builds what is older than its sources, then runs `glassbox serve` with these arguments. */
export async function serve(args) {
  ensureRenderer()
  const main = ensureCore()
  process.argv = [process.execPath, main, 'serve', ...args]
  await import(pathToFileURL(main).href)
}
