import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Job } from '../../core/model/job.ts'
import { launchBrowser, pageIdle, pageQuery } from '../fixtures/page-browser.ts'
import { takePictures } from '../fixtures/pictures.ts'
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

const drop = (files: { name: string; text: string | number[] }[]): Promise<void> =>
  page.evaluate((given) => {
    const data = new DataTransfer()
    for (const { name, text } of given)
      data.items.add(new File([typeof text === 'string' ? text : new Uint8Array(text)], name))
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
  await takePictures(page, 'import-report')
  const { violations } = await new AxeBuilder({ page }).include('.report').analyze()
  expect(violations.map(({ id }) => id)).toEqual([])
  await report.getByRole('button', { name: 'Close' }).click()
  await report.waitFor({ state: 'hidden' })
  await page.goto(`${host.api}/traces/${'d1'.repeat(16)}`)
  await page.getByText('dropped').first().waitFor()
}, 120_000)

it('makes a debug bundle in the inspector; dropped, it is looked at apart from the own telemetry, under a banner', async () => {
  await page.getByRole('button', { name: 'Export and share' }).click()
  await page.getByRole('menuitem', { name: 'Debug bundle…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Debug bundle' })
  await dialog.getByLabel('What it is about').fill('why dropped')
  await dialog.getByLabel('Note to the person who opens it').fill('look at the first span')
  await takePictures(page, 'bundle-make')
  const accessible = await new AxeBuilder({ page }).include('.app-dialog').analyze()
  expect(accessible.violations.map(({ id }) => id)).toEqual([])
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    dialog.getByRole('button', { name: 'Make the file' }).click(),
  ])
  expect(download.suggestedFilename()).toBe('why-dropped.bundle.glassbox')
  await dialog.waitFor({ state: 'hidden' })
  const bytes = [...readFileSync((await download.path()) as string)]
  await page.goto(`${host.api}/settings/general`)
  await page.getByRole('heading', { name: 'General' }).waitFor()
  // Renamed on its way: what is in the file counts.
  await drop([{ name: 'from-a-colleague.glassbox', text: bytes }])
  const banner = page.getByRole('region', { name: 'Debug bundle' })
  await banner.getByText('why dropped').waitFor()
  await banner.getByText('Debug bundle, read-only').waitFor()
  await page.getByText('dropped', { exact: true }).first().waitFor()
  await banner.getByRole('button', { name: 'Details' }).click()
  await banner.getByText('look at the first span').waitFor()
  await takePictures(page, 'bundle-opened')
  const { bundle } = pageQuery(page)
  // What arrives here does not show there, and a link stays in the bundle.
  await host.get('/api/test-trace', { method: 'POST' })
  await page.getByRole('button', { name: 'Close', exact: true }).last().click()
  await pageIdle(page)
  expect(await page.locator('[data-trace]').count()).toBe(1)
  await page.getByRole('link', { name: 'Logs' }).click()
  await page.waitForFunction(() => location.pathname === '/logs')
  expect(pageQuery(page).bundle).toBe(bundle)
  await banner.getByRole('button', { name: 'Back to my telemetry' }).click()
  await banner.waitFor({ state: 'hidden' })
  await page.locator('[data-trace]').nth(1).waitFor()
  expect(pageQuery(page).bundle).toBeUndefined()
  await page.getByRole('region', { name: 'Opened bundles' }).getByRole('link', { name: 'why dropped' }).click()
  await banner.getByRole('button', { name: 'Close', exact: true }).click()
  await banner.waitFor({ state: 'hidden' })
  expect(await host.get('/api/bundles')).toEqual({ items: [] })
}, 120_000)

it('takes a backup in, and goes on with what is in it; a large file of telemetry shows how far it is', async () => {
  let job = await host.get<Job>('/api/backups', {
    method: 'POST',
    body: '{}',
    headers: { 'content-type': 'application/json' },
  })
  while (job.endedAt === null) job = await host.get<Job>(`/api/jobs/${job.id}`)
  const { name } = job.result as { name: string }
  await drop([{ name: 'copy.glassbox', text: [...readFileSync(join(host.dataDir, 'backups', name))] }])
  const wizard = page.getByRole('dialog', { name: /^Restore the full backup of/ })
  await wizard.getByText(name).waitFor()
  expect(pageQuery(page)).toMatchObject({ step: 'inspect', target: 'local', name })
  await page.keyboard.press('Escape')
  await wizard.waitFor({ state: 'hidden' })
  const begin = Date.now() * 1_000_000
  const spans = Array.from({ length: 25_000 }, (_, i) => ({
    traceId: i.toString(16).padStart(32, 'e'),
    spanId: i.toString(16).padStart(16, 'e'),
    name: 'of a large file',
    startTimeUnixNano: String(begin),
    endTimeUnixNano: String(begin + 1000),
  }))
  await drop([{ name: 'large.json', text: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }) }])
  const report = page.getByRole('region', { name: 'What the files brought' })
  await report.getByText('25,000 spans').waitFor()
  const [last] = (await host.get<{ items: Job[] }>('/api/jobs')).items
  expect(last).toMatchObject({
    kind: 'import',
    state: 'done',
    input: { name: 'large.json' },
    result: { spans: 25_000 },
  })
}, 120_000)
