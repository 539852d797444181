import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { StatusAnswer } from '../../core/api/contract/shapes.ts'
import { storeCorpus } from '../bench/stored-corpus.ts'
import { IdSender } from '../fixtures/id-sender.ts'
import { launchBrowser, openPage, pageIdle } from '../fixtures/page-browser.ts'
import { takePictures } from '../fixtures/pictures.ts'
import { type PostgresServer, startPostgres } from '../fixtures/postgres-server.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

/** A million spans in the long variant. */
const stored = process.env['GLASSBOX_LONG'] ? 1_000_000 : 40_000
const moveMs = process.env['GLASSBOX_LONG'] ? 600_000 : 60_000

let server: PostgresServer
let host: RunningHost
let browser: Browser
let page: Page
let url: string

beforeAll(async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-storage-page-'))
  storeCorpus(dataDir, stored, 3, Date.now() * 1000)
  server = await startPostgres()
  url = `${await server.freshUrl()}?sslmode=disable`
  const rendererDir = fileURLToPath(new URL('../../out/renderer', import.meta.url))
  host = await startTestHost({}, rendererDir, { dataDir })
  browser = await launchBrowser()
  page = await openPage(browser, host, '/settings/storage', { timeoutMs: 30_000 })
}, 300_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
  await server?.stop()
})

const heading = (text: string | RegExp): Promise<void> =>
  page.getByRole('heading', { level: 3, name: text }).waitFor({ timeout: moveMs })

async function accessible(name: string): Promise<void> {
  await takePictures(page, `storage-${name}`)
  await pageIdle(page)
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    .analyze()
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(' ')}`)).toEqual([])
}

const storage = async (): Promise<StatusAnswer['storage']> => (await host.get<StatusAnswer>('/api/status')).storage

it('accounts for what is stored, and previews what another retention frees', async () => {
  await page.getByRole('heading', { name: 'What it takes' }).waitFor()
  await accessible('storage')
  const traces = page.getByRole('row', { name: /^Traces/ })
  expect(await traces.textContent()).toContain(stored === 40_000 ? '40 k' : '1 M')
  await page.getByLabel('Keep traces for').fill('1')
  await page.getByText(/frees .+: [\d,]+ rows/).waitFor()
  await page.getByLabel('Keep traces for').fill('0')
  await page.getByText('Write a number of days above 0.').waitFor()
  await page.getByLabel('Keep traces for').fill('7')
}, 60_000)

it('finds what is missing and what is wrong, at its field and its step', async () => {
  await page.getByRole('link', { name: 'Switch to Postgres' }).click()
  await heading(/Where is/)
  expect(new URL(page.url()).search).toBe('?step=connect')
  await page.getByRole('button', { name: 'Test connection' }).click()
  const field = page.getByLabel('Host')
  await page.getByText('Name the host, such as db.internal.').waitFor()
  await page.waitForFunction(() => document.activeElement?.getAttribute('aria-invalid') === 'true')
  expect(await field.getAttribute('aria-invalid')).toBe('true')
  await accessible('test-fails')

  // An address pasted into any field fills all of them.
  const wrong = url.replace('p%40ss', 'other')
  await field.focus()
  await page.evaluate((text) => {
    const data = new DataTransfer()
    data.setData('text', text)
    document.activeElement?.dispatchEvent(
      new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
    )
  }, wrong)
  await expect.poll(() => page.getByLabel('Port').inputValue()).toBe(String(server.port))
  expect(await page.getByLabel('Or all as one address').inputValue()).toContain('***')
  await page.getByRole('button', { name: 'Test connection' }).click()
  await page.getByText('This does not work yet:').waitFor({ timeout: 15_000 })
  await page.getByText(/refused the password of/).waitFor()
  await accessible('target')
  expect(page.url()).not.toContain('other')

  await page.getByRole('button', { name: 'Back' }).click()
  await page.getByLabel('Password', { exact: true }).fill(server.password)
  await page.getByRole('button', { name: 'Test connection' }).click()
  await page.getByText(/All works, in/).waitFor({ timeout: 15_000 })
  await page.getByText('Encryption (TLS) · not encrypted').waitFor()
  await accessible('choice')
}, 90_000)

it('moves everything to Postgres with telemetry arriving, and the page shows it there', async () => {
  await page.getByRole('button', { name: 'Choose what moves' }).click()
  await heading(/What moves to/)
  await accessible('moving')
  const sender = new IdSender(() => host.otlp)
  await page.getByRole('button', { name: 'Start the move' }).click()
  for (let i = 0; i < 5; i++) await sender.send(20)
  await heading('Telemetry goes to Postgres now')
  await accessible('moved')
  await sender.send(20)
  await expect
    .poll(async () => [(await storage()).engine, (await storage()).spans], { timeout: 10_000 })
    .toEqual(['postgres', stored + sender.acknowledged.size])
  await page.getByText('SQLite still holds what was moved.').waitFor()
}, 660_000)

it('deletes the old copy once the word is typed, as a job with its log', async () => {
  // Whoever left the wizard finds it on the page of the storage.
  await page.getByRole('link', { name: 'To storage' }).click()
  await page.getByRole('heading', { name: 'What it takes' }).waitFor()
  await page.getByText('SQLite still holds what was moved.').waitFor()
  await accessible('kept')
  await page.getByRole('button', { name: /Delete the old copy in SQLite/ }).click()
  const remove = page.getByRole('button', { name: 'Delete', exact: true })
  expect(await remove.isDisabled()).toBe(true)
  await page.getByLabel(/Type delete/).fill('delete')
  await remove.click()
  await page.waitForURL(/\/jobs\//)
  await page.getByRole('heading', { level: 2, name: 'Delete old telemetry' }).waitFor()
  await page.getByText(/Deleted [\d]+ spans/).waitFor()
  await accessible('old-kept')
  await page.getByRole('link', { name: /Move to Postgres/ }).click()
  await page.getByText(/lie in Postgres now/).waitFor()
}, 60_000)

it('comes back to SQLite the same way', async () => {
  await page.goto(`${host.api}/settings/storage`)
  await page.getByRole('heading', { name: 'What it takes' }).waitFor()
  await pageIdle(page)
  expect(await page.getByText(/still holds what was moved/).count()).toBe(0)
  await page.getByRole('link', { name: 'Switch to SQLite' }).click()
  await heading(/What moves to SQLite/)
  const before = (await storage()).spans
  await page.getByRole('button', { name: 'Start the move' }).click()
  await heading('Telemetry goes to SQLite now')
  expect(await storage()).toMatchObject({ engine: 'sqlite', spans: before })
}, 660_000)
