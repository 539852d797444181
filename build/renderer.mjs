/** Builds the renderer when its sources are newer than what was built, so that start and serve always show today's page. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

function newest(path) {
  const own = statSync(path)
  if (own.isFile()) return own.mtimeMs
  let latest = 0
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs)
  }
  return latest
}

/** Whether `built` is there and newer than all these sources (files and folders of the project). */
export function isFresh(built, sources) {
  const latest = Math.max(...sources.map((source) => newest(join(root, source))))
  return existsSync(built) && statSync(built).mtimeMs > latest
}

/** Builds the page when its sources are newer than what was built. */
export function ensureRenderer() {
  if (isFresh(join(root, 'out/renderer/index.html'), ['renderer', 'core/api/contract', 'core/model'])) return
  viteBuild('page', 'renderer/vite.config.ts')
}

/** Builds in a process of its own, whose memory goes with it; exits when that fails: stale code would mislead. */
export function viteBuild(what, config) {
  process.stderr.write(`building the ${what}…\n`)
  const result = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--config', config, '--logLevel', 'warn'],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  if (result.status !== 0) process.exit(1)
}
