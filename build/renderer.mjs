/** Builds the renderer when its sources are newer than what was built, so that start and serve always show today's page. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

function newest(folder) {
  let latest = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) latest = Math.max(latest, statSync(join(entry.parentPath, entry.name)).mtimeMs)
  }
  return latest
}

/** @returns {void} Exits the process when the build fails: a stale page would mislead. */
export function ensureRenderer() {
  const built = join(root, 'out/renderer/index.html')
  const sources = Math.max(
    newest(join(root, 'renderer')),
    newest(join(root, 'core/api/contract')),
    newest(join(root, 'core/model')),
  )
  if (existsSync(built) && statSync(built).mtimeMs > sources) return
  process.stderr.write('building the page…\n')
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const result = spawnSync(
    process.execPath,
    [vite, 'build', '--config', 'renderer/vite.config.ts', '--logLevel', 'warn'],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  if (result.status !== 0) process.exit(1)
}

/** Runs the core headless with the same arguments; this process only passes signals on. */
export async function serve(args) {
  process.argv = [process.execPath, join(root, 'core/cli/main.ts'), 'serve', ...args]
  await import('../core/cli/main.ts')
}
