import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { defaultSettings } from '../../core/config/settings.ts'
import { openSqliteStore } from '../../core/storage/sqlite/store.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'
import { spanBatch, traceHex } from '../unit/storage-read/spans.ts'

const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
const GONE = 0xdead

let host: RunningHost
let browser: Browser
/** When retention ran, ms: not before, not after. */
let ran: [number, number]

/** A data directory whose only trace was removed by retention before the host starts. */
beforeAll(async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-removed-'))
  const store = await openSqliteStore({ dataDir, settings: defaultSettings, log })
  const now = Date.now() * 1000
  const span = { trace: GONE, span: 1, parent: 0, service: 'shop', name: 'GET /gone', kind: 2, status: 1 }
  const spans = [spanBatch([{ ...span, start: now - 1_000_000, dur: 500, attributes: {} }], now)]
  await store.writer.write({ spans, logs: [] })
  const began = Date.now()
  expect(await store.runRetention({ tracesDays: 7, tracesBytes: 0, logsDays: 7 })).toMatchObject({ spans: 1 })
  ran = [began, Date.now()]
  await store.stop()
  host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)), { dataDir })
  browser = await launchBrowser()
}, 60_000)
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

it.each([
  ['en', 'This trace was removed by retention', 'Raise retention.traces.days'],
  ['zh-CN', '已按保留策略删除', ''],
])(
  'a link to a trace that retention removed says so, and when: %s',
  async (language, sentence, hint) => {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 } })
    const page = await context.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    await page.addInitScript((chosen) => localStorage.setItem('glassbox.language', chosen), language)
    await page.goto(`${host.api}/traces/${traceHex(GONE)}?range=1h#token=${host.token}`)
    const alert = page.getByRole('alert').filter({ hasText: sentence })
    await alert.waitFor()
    const text = await alert.innerText()
    expect(text).toContain(hint)
    const [when] = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(text) ?? []
    const at = Date.parse(when ?? '')
    expect([at >= ran[0] - 1, at <= ran[1] + 1], `${when} of ${ran}`).toEqual([true, true])
    // A trace that never was says something else.
    await page.goto(`${host.api}/traces/${traceHex(0xbeef)}?range=1h`)
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').innerText()).not.toContain(sentence)
    expect(faults).toEqual([])
    await context.close()
  },
  60_000,
)
