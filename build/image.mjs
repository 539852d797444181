/**
 * Gathers what a headless host needs to run into the folder given: the built core and page, and of node_modules only what
 * the core is not built with. The Dockerfile copies that folder; it runs anywhere as `node FOLDER/out/core/main.js serve`.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { APART } from './bundle.mjs'
import { ensureCore } from './core.mjs'
import { ensureRenderer, root } from './renderer.mjs'

const [target] = process.argv.slice(2)
if (!target) {
  process.stderr.write('usage: node build/image.mjs FOLDER\n')
  process.exit(2)
}
ensureRenderer()
ensureCore()
rmSync(target, { recursive: true, force: true })
mkdirSync(join(target, 'node_modules'), { recursive: true })
for (const path of ['out/core', 'out/renderer', 'package.json', 'LICENSE'])
  cpSync(join(root, path), join(target, path), { recursive: true })

/** Sources, typings, tests, a second copy of the code, and binaries of other systems. */
const LEFT_OUT =
  /\/(src|deps|docs?|tests?|__tests__|examples?|benchmarks?|dist-es|dist-types)$|\.(map|d\.ts|md|markdown|cc|gyp)$/
const libc = existsSync('/etc/alpine-release') ? 'linuxmusl' : process.platform
const foreign = (path) => path.includes('/prebuilds/') && !path.endsWith(`/${libc}-${process.arch}.node`)

/** The folder that `name` resolves to from a package in `from`; null for an optional one that this system does not have. */
function folderOf(name, from) {
  for (let at = from; at.startsWith(root.replace(/\/$/, '')); at = dirname(at)) {
    const found = join(at, 'node_modules', name)
    if (existsSync(join(found, 'package.json'))) return found
  }
  return null
}

const done = new Set()
function take(folder) {
  if (done.has(folder)) return
  done.add(folder)
  const place = join(target, relative(root, folder))
  cpSync(folder, place, {
    recursive: true,
    dereference: true,
    filter: (path) => {
      const inside = path.slice(folder.length)
      return !inside.startsWith('/node_modules') && !LEFT_OUT.test(inside) && !foreign(inside)
    },
  })
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  )
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const next = folderOf(name, folder)
    if (next) take(next)
    else if (!(name in optionalDependencies)) throw new Error(`${name}, which ${folder} needs, is not installed`)
  }
}
for (const name of APART) {
  const folder = folderOf(name, root.replace(/\/$/, ''))
  if (folder) take(folder)
}
process.stderr.write(
  `${target}: ${done.size} packages beside the core (${readdirSync(join(target, 'out/core')).length} files)\n`,
)
