/**
 * `node build/icons.mjs`: draws every icon from the page's own into PNG: the application's (electron-builder makes the
 * forms of each platform from it) and the tray's, one a state. Their results are committed; run it when the drawing changes.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import chromium from '@sparticuz/chromium'
import { chromium as browserType } from 'playwright-core'
import { root } from './renderer.mjs'

const drawing = readFileSync(join(root, 'renderer/public/icon.svg'), 'utf8')
/** The shape tells the state as well as the colour. */
const marks = {
  ok: ['#2fb3a6', ''],
  warn: ['#d9932b', '<circle cx="16" cy="16" r="4" fill="#d9932b" stroke="none"/>'],
  error: ['#f0635f', '<path d="M13 13l6 6M19 13l-6 6" stroke="#f0635f" stroke-width="2.5"/>'],
  paused: ['#8b95a4', '<path d="M14 13v6M18 13v6" stroke="#8b95a4" stroke-width="2.5"/>'],
}

const browser = await browserType.launch({
  executablePath: process.env.CHROME_PATH ?? (await chromium.executablePath()),
  args: chromium.args.filter((argument) => argument !== '--single-process'),
})
const page = await browser.newPage()

async function draw(svg, size, file) {
  await page.setViewportSize({ width: size, height: size })
  await page.setContent(
    `<style>html,body{margin:0;background:transparent}svg{display:block;width:100%;height:100%}</style>${svg}`,
  )
  writeFileSync(join(root, file), await page.screenshot({ omitBackground: true }))
}

const plate = '<rect x="0.4" y="0.4" width="19.2" height="19.2" rx="4.6" fill="#0f1217" stroke="none"/>'
const app = drawing.replace(/(<title>.*?<\/title>)/, `$1${plate}`).replace('stroke="#4a88fd"', 'stroke="#87a9ff"')
await draw(app, 1024, 'build/icons/icon.png')
await draw(app, 256, 'electron/icons/app.png')
for (const [state, [color, mark]] of Object.entries(marks)) {
  const svg = drawing.replace('stroke="#4a88fd"', `stroke="${color}"`).replace('</svg>', `${mark}</svg>`)
  await draw(svg, 32, `electron/icons/tray-${state}.png`)
}
await browser.close()
