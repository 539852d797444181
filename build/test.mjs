/**
 * `npm test`: formatter and linter, import rules, dead code, type checks of every runtime, the page's build, then every
 * test. Each check counts as one; the last line is `N passed, N failed`.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './renderer.mjs'

const bin = (path) => join(root, 'node_modules', path)
const tsc = bin('typescript/bin/tsc')
const checks = [
  ['lint', [bin('@biomejs/biome/bin/biome'), 'check', '.'], 'npm run format'],
  [
    'import rules',
    [
      bin('dependency-cruiser/bin/dependency-cruiser.mjs'),
      'core',
      'electron',
      'renderer',
      '--config',
      '.dependency-cruiser.cjs',
    ],
    '',
  ],
  ['dead code', [bin('knip/bin/knip.js')], ''],
  ['types: core', [tsc, '-p', 'core'], ''],
  ['types: electron', [tsc, '-p', 'electron'], ''],
  ['types: preload', [tsc, '-p', 'electron/tsconfig.preload.json'], ''],
  ['types: renderer', [bin('vue-tsc/bin/vue-tsc.js'), '-p', 'renderer'], ''],
  ['types: test', [tsc, '-p', 'test'], ''],
  ['build', [bin('electron-vite/bin/electron-vite.js'), 'build', '--logLevel', 'warn'], ''],
]

function run(args, show) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, TZ: 'UTC' } })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk
        if (show) process.stdout.write(chunk)
      })
    }
    child.on('close', (code) => resolve({ code, output }))
  })
}

let passed = 0
let failed = 0
const queue = [...checks]
async function worker() {
  for (let check = queue.shift(); check; check = queue.shift()) {
    const [name, args, repair] = check
    const { code, output } = await run(args, false)
    if (code === 0) passed++
    else failed++
    process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name}\n${code === 0 ? '' : output}`)
    if (code !== 0 && repair) process.stdout.write(`repair with: ${repair}\n`)
  }
}
await Promise.all([worker(), worker()])
// The desktop build writes the page as well, with addresses of its own: the tests want the one that serve shows.
for (const [name, config] of [
  ['page', 'renderer/vite.config.ts'],
  ['core', 'build/core.config.mjs'],
])
  queue.push([name, [bin('vite/bin/vite.js'), 'build', '--config', config, '--logLevel', 'warn'], ''])
await worker()

const report = join(root, 'test-results/vitest.json')
mkdirSync(join(root, 'test-results'), { recursive: true })
rmSync(report, { force: true })
const vitest = await run(
  [
    bin('vitest/vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
    ...process.argv.slice(2),
  ],
  true,
)
try {
  const result = JSON.parse(readFileSync(report, 'utf8'))
  passed += result.numPassedTests
  failed += result.numFailedTests
  const brokenFiles = result.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.every((t) => t.status !== 'failed'),
  )
  failed += brokenFiles.length
} catch (error) {
  failed++
  process.stdout.write(`the test runner left no report: ${error}\n`)
}
if (vitest.code !== 0 && failed === 0) failed++
process.stdout.write(`${passed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)
