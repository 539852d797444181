import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SettingsAnswer } from '../../core/api/contract/shapes.ts'
import { defaultSettings, flattenSettings } from '../../core/config/settings.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { takePictures } from '../fixtures/pictures.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let host: RunningHost
let browser: Browser
let page: Page

beforeAll(async () => {
  const rendererDir = fileURLToPath(new URL('../../out/renderer', import.meta.url))
  host = await startTestHost({}, rendererDir, {
    sources: { 'server.apiPort': 'flag', 'server.otlpPort': 'environment', 'storage.reserveBytes': 'saved' },
  })
  browser = await launchBrowser()
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'light',
    locale: 'en-US',
  })
  page = await context.newPage()
  await page.goto(`${host.api}/settings/intake#token=${host.token}`)
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
})

const idle = (): Promise<unknown> =>
  page.waitForFunction(() => (window as unknown as { glassboxIdle?: () => boolean }).glassboxIdle?.())
const setting = async (key: string): Promise<SettingsAnswer[string]> =>
  (await host.get<SettingsAnswer>('/api/settings'))[key]
const toast = (text: string | RegExp): Promise<void> => page.locator('.toast', { hasText: text }).last().waitFor()

async function accessible(name: string): Promise<void> {
  await idle()
  await takePictures(page, `settings-${name}`)
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    .analyze()
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(' ')}`)).toEqual([])
}

it('changes a setting at once, refuses what is wrong at its field, and takes it back', async () => {
  const field = page.getByLabel('pipeline.queueLimit', { exact: true })
  await field.waitFor()
  await accessible('intake')
  await field.fill('0')
  await field.press('Enter')
  await page.getByText('Has to be 1 rows or more.').waitFor()
  expect(await field.getAttribute('aria-invalid')).toBe('true')
  await field.fill('7000')
  await field.press('Enter')
  await toast('pipeline.queueLimit changed')
  expect(await setting('pipeline.queueLimit')).toEqual({ value: 7000, default: 5000, source: 'saved' })
  await page.getByRole('button', { name: 'Undo' }).last().click()
  await toast('pipeline.queueLimit is as before')
  expect(await setting('pipeline.queueLimit')).toMatchObject({ value: 5000, source: 'default' })

  await page.getByLabel('receivers.maxBodyBytes', { exact: true }).fill('8 MiB')
  await page.getByLabel('receivers.maxBodyBytes', { exact: true }).press('Enter')
  await expect.poll(async () => (await setting('receivers.maxBodyBytes')).value).toBe(8 * 1024 * 1024)
  await page.getByText('= 8 MiB').waitFor()
}, 60_000)

it('locks what a flag or the environment sets, naming it, and says what waits for a restart', async () => {
  expect(await page.getByLabel('server.apiPort', { exact: true }).isDisabled()).toBe(true)
  await page.getByText('Set by the flag --api-port of this start; change it there.').waitFor()
  await page.getByText('Set by the environment (GLASSBOX_OTLP_PORT); change it there.').waitFor()
  await page.getByLabel('server.otlpGrpcPort', { exact: true }).fill('4999')
  await page.getByLabel('server.otlpGrpcPort', { exact: true }).press('Enter')
  await page.getByText('Saved. In use from the next start of Glassbox.').waitFor()
  await takePictures(page, 'settings-locked')
}, 60_000)

it('a scrape job is tried, added, seen at work, changed and deleted without a restart', async () => {
  const target = createServer((_request, response) => response.end('form_orders 5\n'))
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(target.address() as AddressInfo).port}`
  await page.getByRole('navigation', { name: 'Settings' }).getByRole('link', { name: 'Metrics' }).click()
  await page.getByText('Nothing is scraped yet.').waitFor()
  await page.getByRole('button', { name: 'Add job' }).click()
  const form = page.getByRole('dialog', { name: 'New scrape job' })
  await form.getByRole('button', { name: 'Save job' }).click()
  await form.getByText('Give the job a name.').waitFor()
  await form.getByLabel('Name (label job)').fill('shop')
  await form.getByLabel('Targets', { exact: true }).fill(`${address} zone=a\n127.0.0.1:9`)
  await form.getByLabel('Interval, seconds').fill('1')
  await form.getByText('Discovery by files, proxy, relabelling').click()
  await form.getByLabel('Relabelling of targets').fill('- {regexp: x}')
  await form.getByRole('button', { name: 'Test' }).click()
  await form.getByText('no rule has a field regexp').waitFor()
  await form.getByLabel('Relabelling of targets').fill('- {source_labels: [zone], target_label: place, regex: "("}')
  await form.getByRole('button', { name: 'Test' }).click()
  await form.getByText('is no regular expression of RE2').waitFor()
  await form
    .getByLabel('Relabelling of targets')
    .fill('- {source_labels: [zone], target_label: place, action: replace}')
  await form.getByRole('button', { name: 'Test' }).click()
  await form.getByText('1 sample ·').waitFor()
  await form.getByText('Nothing of this was stored.').waitFor()
  await accessible('scrape-job')
  await form.getByRole('button', { name: 'Save job' }).click()
  await toast('collectors.scrape.jobs changed')
  await page.getByText('1 of 2 down').waitFor()
  await page.getByText('place="a"').waitFor()
  await accessible('scrape-up')
  type Found = { data: { result: { metric: Record<string, string> }[] } }
  let found: Found
  do found = await host.get<Found>('/api/v1/query?query=form_orders')
  while (found.data.result.length === 0)
  expect(found.data.result[0].metric).toMatchObject({ job: 'shop', zone: 'a', place: 'a' })

  await page.getByRole('button', { name: 'Edit shop' }).click()
  const edit = page.getByRole('dialog', { name: 'Scrape job' })
  await edit.getByLabel('Targets', { exact: true }).fill(address)
  await edit.getByRole('button', { name: 'Save job' }).click()
  await page.getByText('1 up').waitFor()
  await page.getByRole('button', { name: 'Delete shop' }).click()
  await page.getByText('Nothing is scraped yet.').waitFor()
  await page.getByRole('button', { name: 'Undo' }).last().click()
  await page.getByText('1 up').waitFor()
  await page.getByRole('button', { name: 'Delete shop' }).click()
  target.closeAllConnections()
  target.close()
  await page.goto(`${host.api}/settings/intake`)
}, 60_000)

it('finds settings of every section by words of their help, and those that were changed', async () => {
  const search = page.getByLabel('Search all settings')
  await search.fill('older removed daily')
  await page.getByText('3 settings in all sections').waitFor()
  expect(new URL(page.url()).searchParams.get('q')).toBe('older removed daily')
  await search.fill('')
  await page.getByLabel('Changed only').check()
  await page.getByLabel('receivers.maxBodyBytes', { exact: true }).waitFor()
  expect(await page.getByLabel('pipeline.queueLimit', { exact: true }).count()).toBe(0)
  await page.getByRole('button', { name: 'receivers.maxBodyBytes back to its default' }).click()
  await toast('receivers.maxBodyBytes is back at its default')
  await page.getByRole('button', { name: 'Undo' }).last().click()
  await page.getByLabel('receivers.maxBodyBytes', { exact: true }).waitFor()
  await page.getByRole('button', { name: 'Reset all' }).click()
  await toast(/settings are back at their default/)
  expect((await setting('receivers.maxBodyBytes')).source).toBe('default')
  expect((await setting('server.apiPort')).source).toBe('flag')
  await page.getByRole('button', { name: 'Undo' }).last().click()
  await toast(/settings are as before/)
  expect((await setting('receivers.maxBodyBytes')).value).toBe(8 * 1024 * 1024)
}, 60_000)

it('shows every setting of the schema, each in a section', async () => {
  const shown = async (): Promise<string[]> =>
    (await page.locator('.setting label.mono').allTextContents()).map((text) => text.trim())
  await page.goto(`${host.api}/settings/general?q=.`)
  await page.locator('.setting label.mono').first().waitFor()
  await accessible('all')
  expect((await shown()).sort()).toEqual(Object.keys(flattenSettings(defaultSettings)).sort())
  for (const [link, key] of [
    ['Backups', 'backup.keep.full'],
    ['Desktop app', 'desktop.updates'],
    ['Storage', 'query.timeoutMs'],
  ]) {
    await page
      .getByRole('navigation', { name: 'Settings' })
      .getByRole('link', { name: new RegExp(`^${link}`) })
      .click()
    await page.getByLabel(key, { exact: true }).waitFor()
  }
}, 60_000)

it('edits lists of maps as YAML', async () => {
  await page.goto(`${host.api}/settings/metrics`)
  const jobs = page.getByLabel('collectors.scrape.jobs', { exact: true })
  await jobs.fill('- job: [')
  await jobs.blur()
  await page.locator('.problem[role=alert]').waitFor()
  await jobs.fill('- job: app\n  static: []')
  await jobs.blur()
  await toast('collectors.scrape.jobs changed')
  expect((await setting('collectors.scrape.jobs')).value).toMatchObject([{ job: 'app', metricsPath: '/metrics' }])
  await jobs.fill('- job: ""')
  await jobs.blur()
  await page.getByText(/collectors\.scrape\.jobs\.0\.job: /).waitFor()
}, 60_000)

it('goes out as YAML, and shows what a file changes before it does', async () => {
  await page.goto(`${host.api}/settings/transfer`)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Save as YAML' }).click(),
  ])
  const yaml = readFileSync(await download.path(), 'utf8')
  expect(yaml).toContain('maxBodyBytes: 8388608')
  const paste = page.getByRole('textbox', { name: /^Paste YAML/ })
  await paste.fill('retention:\n  logs:\n    days: never\nnothing: 1')
  await page.getByRole('button', { name: 'Show what changes' }).click()
  await page.getByText('line 3').waitFor()
  await page.getByText('there is no setting nothing').waitFor()
  expect(await page.getByRole('button', { name: /^Change / }).count()).toBe(0)
  await paste.fill('retention:\n  logs:\n    days: 14\nserver:\n  apiPort: 1')
  await page.getByRole('button', { name: 'Show what changes' }).click()
  await page.getByText(/passed over: server\.apiPort/).waitFor()
  await page.getByRole('row', { name: /retention\.logs\.days 7 14/ }).waitFor()
  await accessible('import')
  await page.getByRole('button', { name: 'Change 1 setting' }).click()
  await toast('1 setting changed')
  expect((await setting('retention.logs.days')).value).toBe(14)
}, 60_000)
