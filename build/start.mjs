/** `npm start`: the desktop app, or headless where the Electron binary or a display cannot be had. */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { serve } from './headless.mjs'
import { root } from './renderer.mjs'

const electronFolder = join(root, 'node_modules/electron')

function electronBinary() {
  const pathFile = join(electronFolder, 'path.txt')
  if (!existsSync(pathFile)) return null
  const binary = join(electronFolder, 'dist', readFileSync(pathFile, 'utf8'))
  return existsSync(binary) ? binary : null
}

/** Why the desktop app cannot open, or null. Tries the download once, for two minutes at most. */
function whyHeadless() {
  if (process.platform === 'linux' && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY) return 'there is no display'
  if (electronBinary()) return null
  process.stderr.write('fetching the Electron binary…\n')
  const fetched = spawnSync(process.execPath, [join(electronFolder, 'install.js')], {
    stdio: 'ignore',
    timeout: 120_000,
  })
  return fetched.status === 0 && electronBinary() ? null : 'the Electron binary could not be downloaded'
}

const reason = whyHeadless()
if (reason) {
  process.stderr.write(`${reason}: running headless, open the address below in a browser\n`)
  await serve(process.argv.slice(2))
} else {
  const built = spawnSync(
    process.execPath,
    [join(root, 'node_modules/electron-vite/bin/electron-vite.js'), 'build', '--logLevel', 'warn'],
    {
      cwd: root,
      stdio: 'inherit',
    },
  )
  if (built.status !== 0) process.exit(1)
  const app = spawn(electronBinary(), [root, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => app.kill(signal))
  app.on('close', (code) => process.exit(code ?? 1))
}
