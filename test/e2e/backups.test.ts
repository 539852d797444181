import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { BackupsAnswer } from '../../core/api/contract/shapes.ts'
import type { Board } from '../../core/model/board.ts'
import { IdSender } from '../fixtures/id-sender.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { takePictures } from '../fixtures/pictures.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

/** One journey: each step goes on where the one before ended. */
const PASSWORD = 'correct horse battery staple'
/** Jobs start threads, which takes long on a busy machine. */
const JOB_MS = 120_000
const scratch = mkdtempSync(join(tmpdir(), 'glassbox-places-'))

let host: RunningHost
let browser: Browser
let page: Page
let sender: IdSender
let board: Board

beforeAll(async () => {
  const rendererDir = fileURLToPath(new URL('../../out/renderer', import.meta.url))
  host = await startTestHost({}, rendererDir)
  sender = new IdSender(() => host.otlp)
  await sender.send(50, () => ({}), 'shop')
  const content = { title: 'Kept board', description: '', range: '', variables: [], panels: [] }
  board = await send<Board>('POST', '/api/boards', content)
  browser = await launchBrowser()
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    reducedMotion: 'reduce',
    acceptDownloads: true,
  })
  page = await context.newPage()
  page.setDefaultTimeout(60_000)
  await page.goto(`${host.api}/traces#token=${host.token}`)
  await idle()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const send = <T>(method: string, path: string, body?: unknown): Promise<T> =>
  host.get<T>(
    path,
    body === undefined
      ? { method }
      : { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } },
  )
const idle = (): Promise<unknown> =>
  page.waitForFunction(() => (window as unknown as { glassboxIdle?: () => boolean }).glassboxIdle?.())
const heading = (name: string, timeout?: number): Promise<void> =>
  page.getByRole('heading', { level: 3, name }).waitFor({ timeout })
const button = (name: string) => page.getByRole('button', { name, exact: true })
const dialog = () => page.getByRole('dialog')
async function ids(): Promise<number> {
  const { rows } = await send<{ rows: number[][] }>('POST', '/api/sql', { query: 'select count(*) from _traces' })
  return Number(rows[0][0])
}
const boards = async (): Promise<string[]> =>
  (await host.get<{ items: { title: string }[] }>('/api/boards')).items.map(({ title }) => title)
const list = (): Promise<BackupsAnswer> => host.get<BackupsAnswer>('/api/backups')

/** Nothing that axe finds, in either theme; states much like others in the long variant only. Pictures are called `name`. */
async function accessible(name: string, alike = false): Promise<void> {
  await idle()
  await takePictures(page, `backups-${name}`)
  if (alike && !process.env['GLASSBOX_LONG']) return
  for (const theme of ['dark', 'light']) {
    await page.evaluate((name) => {
      document.documentElement.dataset['theme'] = name
    }, theme)
    const axe = new AxeBuilder({ page })
    // Themes differ in colours alone.
    const { violations } = await (theme === 'dark'
      ? axe.withRules(['color-contrast'])
      : axe.withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    ).analyze()
    expect(violations.map(({ id, nodes }) => `${theme} ${id}: ${nodes.map(({ target }) => target).join(' ')}`)).toEqual(
      [],
    )
  }
}

it('offers the first backup, and makes it once the password was shown to be kept', { timeout: 300_000 }, async () => {
  await page.keyboard.press('g')
  await page.keyboard.press('b')
  await page.waitForURL(/\/backups$/)
  await page.getByRole('heading', { name: 'No backup yet' }).waitFor()
  await accessible('none-yet')
  await page.getByRole('button', { name: /^First backup now/ }).click()
  await heading('What is backed up?')
  await accessible('what', true)
  // What is proposed is taken by Enter.
  await page.getByRole('radio', { name: /^full/ }).press('Enter')
  await heading('Where does it go?')
  await accessible('where', true)
  await page.getByRole('radio', { name: /^This computer/ }).press('Enter')
  await heading('When again, and how many are kept?')
  await accessible('when', true)
  await page.getByLabel('Full', { exact: true }).fill('3')
  await button('Next').click()
  await heading('Who may read it?')
  expect(new URL(page.url()).search).toBe('?step=protect')
  await page.getByRole('radio', { name: /^With a password/ }).check()
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  const [sheet] = await Promise.all([page.waitForEvent('download'), button('Save sheet').click()])
  expect(readFileSync(await sheet.path(), 'utf8')).toContain(PASSWORD)
  const start = button('Save and back up now')
  const again = page.getByLabel('Type the password again, from the sheet')
  await again.fill('correct horse battery stable')
  await page.getByText('That is not the same password.').waitFor()
  expect(await start.isDisabled()).toBe(true)
  await accessible('protect')
  await again.fill(PASSWORD)
  await page.getByText('It matches').waitFor()
  await start.click()
  await heading('The backup is made', JOB_MS)
  await accessible('made', true)
  expect(page.url()).not.toContain('horse')
  const { items, next } = await list()
  expect(items).toMatchObject([{ kind: 'full', content: { encrypted: true }, problem: null }])
  // The schedules that were proposed run from now on.
  expect(next.map(({ kind }) => kind).sort()).toEqual(['config', 'full', 'incremental', 'verify'])
  const settings = await host.get<Record<string, { value: unknown }>>('/api/settings')
  expect([settings['backup.keep.full'].value, settings['backup.password'].value]).toEqual([3, '***'])
})

it('proves it by a test restore, from the dialog and seen in the list', { timeout: 300_000 }, async () => {
  await button('Prove it by a test restore').click()
  await page.waitForURL(/\/backups$/)
  await page.getByText(/Test restore of the backup of/).waitFor()
  await page.getByRole('cell', { name: /^restored just now/ }).waitFor({ timeout: JOB_MS })
  await page.getByRole('button', { name: /^\d\d:\d\d:\d\d$/ }).click()
  await page.getByText('Stands alone').waitFor()
  expect(new URL(page.url()).searchParams.get('open')).toMatch(/^local\/glassbox-/)
  await accessible('detail')
})

it('backs up a part by choice and time', { timeout: 300_000 }, async () => {
  await page.keyboard.press('n')
  await page.getByRole('radio', { name: /^part/i }).check()
  await page.getByRole('checkbox', { name: 'Logs' }).uncheck()
  await page.getByRole('radio', { name: 'Between two times' }).check()
  await accessible('what-part', true)
  await page.getByLabel('From').fill('gibberish')
  await page.getByText(/^Not a time/).waitFor()
  expect(await button('Next').isDisabled()).toBe(true)
  await page.getByRole('radio', { name: 'The last 24 hours' }).check()
  for (let i = 0; i < 3; i++) await button('Next').click()
  await button('Save and back up now').click()
  await heading('The backup is made', JOB_MS)
  await button('Done').click()
  const { items } = await list()
  expect(items[0]).toMatchObject({ kind: 'part', content: { days: [{ signal: 'traces' }] } })
  await send('POST', '/api/backups/remove', { target: 'local', name: items[0].name })
})

it('keeps an archive that another one adds to, and deletes the one above it', { timeout: 300_000 }, async () => {
  await sender.send(5)
  await page.keyboard.press('n')
  await page.getByRole('radio', { name: /^incremental/ }).check()
  for (let i = 0; i < 3; i++) await button('Next').click()
  await button('Save and back up now').click()
  await heading('The backup is made', JOB_MS)
  await button('Done').click()
  const remove = async (row: number): Promise<void> => {
    await page
      .getByRole('button', { name: /^More for the backup of/ })
      .nth(row)
      .click()
    await page.getByRole('menuitem', { name: 'Delete…' }).click()
    await button('Delete…').click()
  }
  await page.getByRole('cell', { name: 'incremental of 2' }).waitFor()
  await remove(1)
  await page.getByText(/adds to it/).waitFor()
  await remove(0)
  await page.getByText(/^Backup of .* deleted$/).waitFor()
  expect((await list()).items).toHaveLength(1)
})

it('says which step of a place fails and what to do, and saves it once it works', { timeout: 300_000 }, async () => {
  await page.getByRole('link', { name: /^Places/ }).click()
  await button('Add a place').click()
  await button('Save').click()
  await page.getByText('This is needed.').first().waitFor()
  await page.getByLabel('Name').fill('disk')
  await page.getByLabel('Folder', { exact: true }).fill('/proc/no-such-place')
  await dialog().getByRole('button', { name: 'Test', exact: true }).click()
  await page.getByText('This does not work yet:').waitFor()
  await page.getByText(/^Check /).waitFor()
  await accessible('place-fails')
  await page.getByLabel('Folder', { exact: true }).fill(scratch)
  await button('Save').click()
  await page.getByText('disk saved').waitFor()
  await page.getByRole('region', { name: 'disk' }).getByRole('button', { name: 'Test', exact: true }).click()
  await page.getByText('All works: a small file was written, read back and deleted.').waitFor()
  await accessible('places', true)
  await page.getByRole('link', { name: 'Schedule', exact: true }).click()
  await button('Edit schedule incremental').click()
  await page.getByRole('checkbox', { name: 'disk' }).check()
  await accessible('schedule-edit')
  await button('Save').click()
  await page.getByText('Schedule saved').waitFor()
  await page.getByText('Mon–Sat at 02:00').waitFor()
  // The toast takes it back.
  await page.getByRole('button', { name: 'Undo' }).last().click()
  await page.getByText('Put back as it was').waitFor()
  const { 'backup.schedules': schedules } =
    await host.get<Record<string, { value: { targets: string[] }[] }>>('/api/settings')
  expect(schedules.value.flatMap(({ targets }) => targets)).not.toContain('disk')
})

it('brings back what was deleted, from an archive whose password the settings no longer have', {
  timeout: 400_000,
}, async () => {
  await send('DELETE', `/api/boards/${board.id}`)
  await sender.send(7)
  await send('PATCH', '/api/settings', { 'backup.password': 'another one' })
  await page.goto(`${host.api}/backups`)
  await page.getByRole('button', { name: /^Restore the backup of/ }).click()
  await page.getByText('This archive is encrypted.').waitFor()
  const password = page.getByLabel('Password of the archive')
  await password.fill('wrong')
  await password.press('Enter')
  await page.getByText(/does not open with this/).waitFor()
  await accessible('restore-password')
  await password.fill(PASSWORD)
  await password.press('Enter')
  await page.getByText('50 spans').waitFor()
  await accessible('restore-inspect', true)
  await button('Choose what comes back').click()
  await heading('What comes back, and where?')
  await page.getByRole('radio', { name: /^In place of/ }).check()
  await expect.poll(() => new URL(page.url()).searchParams.get('mode')).toBe('replace')
  await accessible('restore-what')
  await button('Dry run').click()
  await page.getByText('Stored telemetry would go:').waitFor()
  await accessible('restore-dry-run')
  // The answers survive a reload; the password is asked for again.
  await page.reload()
  await page.getByText('This archive is encrypted.').waitFor()
  await page.getByLabel('Password of the archive').fill(PASSWORD)
  await button('Open').click()
  await page.getByText('50 spans').waitFor()
  await button('Choose what comes back').click()
  expect(await page.getByRole('radio', { name: /^In place of/ }).isChecked()).toBe(true)
  await button('Dry run').click()
  const restore = dialog().getByRole('button', { name: 'Restore', exact: true })
  await page.getByLabel('Type “replace” to go on').fill('replac')
  expect(await restore.isDisabled()).toBe(true)
  await page.getByLabel('Type “replace” to go on').fill('replace')
  await restore.click()
  await heading('The restore is done', JOB_MS)
  await page.getByText('50 spans, 0 logs').waitFor()
  await page.getByText('counts and checksums are the same').waitFor()
  await accessible('restore-done')
  expect([await ids(), await boards()]).toEqual([50, ['Kept board']])
})

it('takes the restore back, from the list of backups', { timeout: 300_000 }, async () => {
  await button('Done').click()
  await page.getByText('in place of what was there.').waitFor()
  await accessible('restored')
  await page.getByRole('button', { name: 'Undo restore' }).click()
  await page.getByText('Putting back what was there before the restore').waitFor()
  await expect.poll(async () => (await list()).restores.some(({ undone }) => undone), { timeout: JOB_MS }).toBe(true)
  expect([await ids(), await boards()]).toEqual([62, []])
  await page.getByRole('button', { name: 'Undo restore' }).first().waitFor()
})

it('looks into a file that is chosen, and says why one that is no archive is not taken', {
  timeout: 300_000,
}, async () => {
  const [{ name }] = (await list()).items
  const bytes = readFileSync(join(host.dataDir, 'backups', name))
  await page.keyboard.press('u')
  await heading('Which backup?')
  const picker = page.locator('input[type=file][accept=".glassbox"]')
  await picker.setInputFiles({ name: 'holiday.glassbox', mimeType: '', buffer: Buffer.from('no archive at all') })
  await page.getByText('holiday.glassbox was not taken.').waitFor()
  await accessible('restore-choose', true)
  await picker.setInputFiles({ name, mimeType: '', buffer: bytes })
  await page.getByText('This archive is encrypted.').waitFor()
  await page.keyboard.press('Escape')
  await page.waitForURL(/\/backups$/)
})

it('goes by the keyboard alone, from the first key to the end of either wizard', { timeout: 300_000 }, async () => {
  const press = (key: string): Promise<void> => page.keyboard.press(key)
  /** Tab until that is focused; nobody tabs further than this. */
  async function tabTo(selector: string): Promise<void> {
    for (let i = 0; i < 40; i++) {
      await press('Tab')
      if (await page.evaluate((wanted) => document.activeElement?.matches(wanted) ?? false, selector)) return
    }
    throw new Error(`${selector} is not reached by Tab`)
  }
  await page.goto(`${host.api}/backups`)
  await page.getByRole('heading', { name: 'Archives' }).waitFor()
  await idle()
  await press('n')
  await heading('What is backed up?')
  await tabTo('input[type=radio]:checked')
  await press('ArrowUp')
  await press('ArrowDown')
  expect(await page.getByRole('radio', { name: /^full/ }).isChecked()).toBe(true)
  await press('Enter')
  for (const next of ['Where does it go?', 'When again, and how many are kept?', 'Who may read it?']) {
    await heading(next)
    // From the heading, where the focus is put.
    await press('Enter')
  }
  await heading('The backup is made', JOB_MS)
  await press('Escape')
  await page.waitForURL(/\/backups$/)
  await press('u')
  await heading('Which backup?')
  await tabTo('.archive')
  await press('Enter')
  await heading('What is in it')
  // What lies behind the dialog says the same.
  await dialog().getByText('62 spans', { exact: true }).waitFor()
  await press('Enter')
  await heading('What comes back, and where?')
  await tabTo('.dialog-foot .button:last-child')
  await press('Enter')
  await heading('What would change')
  await page.getByText('Nothing has been touched yet.').waitFor()
  await tabTo('.dialog-foot .button:last-child')
  await press('Enter')
  await heading('The restore is done', JOB_MS)
  await tabTo('.dialog-foot .button:last-child')
  await press('Enter')
  await page.waitForURL(/\/backups$/)
})
