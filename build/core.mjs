/**
 * The core as plain JavaScript in `out/core`: one file a thread and a command. Started from there, no thread has to carry
 * a TypeScript parser (about 15 MB each) and the host is ready sooner than from source.
 */
import { globSync } from 'node:fs'
import { basename, join } from 'node:path'
import { isFresh, root, viteBuild } from './renderer.mjs'

/** Entry name → source of every worker thread, found by its file name; they lie flat beside the main file. */
export function workerEntries() {
  return Object.fromEntries(
    globSync('core/**/*.worker.ts', { cwd: root }).map((file) => [basename(file, '.ts'), join(root, file)]),
  )
}

/** Builds the core when its sources are newer than what was built; answers its main file. */
export function ensureCore() {
  const main = join(root, 'out/core/main.js')
  if (!isFresh(main, ['core', 'package.json'])) viteBuild('core', 'build/core.config.mjs')
  return main
}
