import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
let browser: Browser
let page: Page

beforeAll(async () => {
  host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)))
  browser = await launchBrowser()
  page = await (await browser.newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-US' })).newPage()
  await page.goto(`${host.api}/settings/general#token=${host.token}`)
  await page.getByRole('heading', { name: 'General' }).waitFor()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
})

const drop = (files: { name: string; text: string }[]): Promise<void> =>
  page.evaluate((given) => {
    const data = new DataTransfer()
    for (const { name, text } of given) data.items.add(new File([text], name))
    for (const type of ['dragover', 'drop'])
      document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }))
  }, files)

it('imports telemetry dropped anywhere, with a report line by line; what is no telemetry is told', async () => {
  const span = {
    traceId: 'd1'.repeat(16),
    spanId: 'd1'.repeat(8),
    name: 'dropped',
    startTimeUnixNano: `${Date.now()}000000`,
    endTimeUnixNano: `${Date.now()}000001`,
  }
  const line = (value: object): string => JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [value] }] }] })
  await drop([
    { name: 'good.otlp.jsonl', text: `${line(span)}\n{oops\n` },
    { name: 'letter.txt', text: 'Dear Sir' },
    { name: 'own.glassbox', text: 'no archive' },
  ])
  const report = page.getByRole('region', { name: 'What the files brought' })
  await report.getByText('1 traces, 1 spans, 0 log records').waitFor()
  await report.getByText('line 2').waitFor()
  await report.getByText('own.glassbox').waitFor()
  expect(await report.getByRole('heading', { level: 3 }).allTextContents()).toEqual([
    'good.otlp.jsonl',
    'letter.txt',
    'own.glassbox',
  ])
  const { violations } = await new AxeBuilder({ page }).include('.report').analyze()
  expect(violations.map(({ id }) => id)).toEqual([])
  await report.getByRole('button', { name: 'Close' }).click()
  await report.waitFor({ state: 'hidden' })
  await page.goto(`${host.api}/traces/${'d1'.repeat(16)}`)
  await page.getByText('dropped').first().waitFor()
}, 120_000)
