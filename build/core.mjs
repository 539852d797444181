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

const main = join(root, 'out/core/main.js')
const upToDate = () => isFresh(main, ['core', 'build/bundle.mjs', 'build/core.config.mjs', 'package.json'])

/** Builds the core when its sources are newer than what was built; answers its main file. */
export function ensureCore() {
  if (!upToDate()) viteBuild('core', 'build/core.config.mjs')
  return main
}

/** The file that starts Glassbox: as built where that is up to date, else its source, which takes longer to start. */
export function mainFile() {
  return upToDate() ? main : join(root, 'core/cli/main.ts')
}
