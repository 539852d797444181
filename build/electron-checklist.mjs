/**
 * `node build/electron-checklist.mjs`: goes through Electron's security list point by point on the built main process,
 * preload and page, prints each with what was found, and fails when one does not hold.
 */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import config from './electron-builder.config.mjs'
import { root } from './renderer.mjs'

const read = (file) => readFileSync(join(root, file), 'utf8')
const main = globSync('out/main/**/*.js', { cwd: root }).map(read).join('\n')
const preload = read('out/preload/preload.cjs')
const page = globSync('out/renderer/**/*.{js,html}', { cwd: root }).map(read).join('\n')
const count = (text, pattern) => [...text.matchAll(pattern)].length

/** [number in Electron's list, what it asks for, whether it holds] */
export const points = [
  [1, 'only our own page is loaded', count(main, /\.loadURL\(/g) === 1 && !/\.loadFile\(/.test(main)],
  [2, 'no Node in pages', /nodeIntegration: false/.test(main) && !/nodeIntegration\w*: true/.test(main)],
  [3, 'context isolation', /contextIsolation: true/.test(main) && !/contextIsolation: false/.test(main)],
  [4, 'sandbox', /sandbox: true/.test(main) && !/sandbox: false|no-sandbox/.test(main)],
  [
    5,
    'permissions are asked and checked',
    /setPermissionRequestHandler/.test(main) && /setPermissionCheckHandler/.test(main),
  ],
  [6, 'web security stays on', /webSecurity: true/.test(main) && !/webSecurity: false/.test(main)],
  [7, 'a strict content security policy', /default-src 'none'/.test(main) && !/unsafe-eval/.test(main)],
  [8, 'no insecure content', !/allowRunningInsecureContent: true/.test(main)],
  [9, 'no experimental features', !/experimentalFeatures: true/.test(main)],
  [10, 'no Blink features by name', !/enableBlinkFeatures/.test(main)],
  [11, 'no webview may open windows', !/allowpopups/i.test(page)],
  [
    12,
    'no webview at all',
    /webviewTag: false/.test(main) && /will-attach-webview/.test(main) && !/<webview/.test(page),
  ],
  [13, 'navigation is kept on the page', /will-navigate/.test(main) && /will-redirect/.test(main)],
  [14, 'new windows are denied', /setWindowOpenHandler/.test(main) && /action: ["']deny["']/.test(main)],
  [
    15,
    'one place opens outside addresses, web ones alone',
    count(main, /shell\.openExternal\(/g) === 1 && /\["https:", "http:"\]/.test(main),
  ],
  [
    16,
    'one exact version of Electron',
    /^\d+\.\d+\.\d+$/.test(JSON.parse(read('package.json')).devDependencies.electron),
  ],
  [
    17,
    'every channel checks who asks',
    count(main, /ipcMain\.(on|handle)\(/g) === count(main, /trusted\(event, args\)/g),
  ],
  [18, 'no pages from files', !/\.loadFile\(|\.loadURL\(\s*["'`]file:/.test(main)],
  [19, 'fuses', config.electronFuses.runAsNode === false && config.electronFuses.onlyLoadAppFromAsar === true],
  [
    20,
    'the page gets no Electron object',
    count(preload, /exposeInMainWorld\(/g) === 1 && !/:\s*electron\.ipcRenderer\s*[,}]/.test(preload),
  ],
]

for (const [number, what, holds] of points) process.stdout.write(`${holds ? 'ok  ' : 'FAIL'} ${number} ${what}\n`)
const failed = points.filter(([, , holds]) => !holds)
process.stdout.write(`${points.length - failed.length} of ${points.length} hold\n`)
process.exitCode = failed.length === 0 ? 0 : 1
