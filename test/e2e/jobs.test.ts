import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Job, jobEnded } from '../../core/model/job.ts'
import { IdSender } from '../fixtures/id-sender.ts'
import { launchBrowser, openPage, pageIdle } from '../fixtures/page-browser.ts'
import { takePictures } from '../fixtures/pictures.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'
import { type SftpServer, startSftpServer } from '../fixtures/sftp-server.ts'

/** Jobs that really run: an SSH server that falls silent in the middle holds them where they can be looked at. */
const scratch = mkdtempSync(join(tmpdir(), 'glassbox-jobs-'))
const JOB_MS = 60_000
let host: RunningHost
let browser: Browser
let page: Page
let sftp: SftpServer

beforeAll(async () => {
  sftp = await startSftpServer(scratch)
  host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)))
  const sender = new IdSender(() => host.otlp)
  const random = (): string => crypto.randomUUID()
  for (let i = 0; i < 4; i++)
    await sender.send(
      2500,
      () => ({ attributes: [{ key: 'note', value: { stringValue: random() + random() } }] }),
      'shop',
    )
  browser = await launchBrowser()
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await sftp?.stop()
  await host?.stop()
  rmSync(scratch, { recursive: true, force: true })
})

const send = <T>(method: string, path: string, body: unknown): Promise<T> =>
  host.get<T>(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
async function ended(id: string): Promise<Job> {
  let job = await host.get<Job>(`/api/jobs/${id}`)
  while (!jobEnded(job)) job = await host.get<Job>(`/api/jobs/${id}`)
  return job
}
const newest = async (): Promise<Job> => (await host.get<{ items: Job[] }>('/api/jobs')).items[0]
const button = (name: string) => page.getByRole('button', { name, exact: true })

async function accessible(name: string): Promise<void> {
  await pageIdle(page)
  await takePictures(page, name)
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
    .analyze()
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(' ')}`)).toEqual([])
}

it('says that nothing ran yet', async () => {
  page = await openPage(browser, host, '/jobs')
  await page.getByText('No long work yet').waitFor()
  await accessible('jobs-none')
}, 60_000)

it('shows how far a backup is, in its wizard and among the jobs, over a reload; stopped, nothing of it stays', async () => {
  const address = `sftp://${sftp.user}:${encodeURIComponent(sftp.password)}@127.0.0.1:${sftp.port}/kept?hostKey=${encodeURIComponent(sftp.hostKey)}`
  await send('PATCH', '/api/settings', { 'backup.targets': [{ name: 'nas', address, privateKey: '' }] })
  await page.goto(`${host.api}/backups/new`)
  await button('Next').click()
  await page.getByRole('radio', { name: /^nas/ }).check()
  await button('Next').click()
  await button('Next').click()
  sftp.holdAfter = 200_000
  await button('Save and back up now').click()
  await page.getByText('You can leave this page').waitFor()
  await page.getByText(/ of [\d.]+ KiB/).waitFor({ timeout: JOB_MS })
  await accessible('backups-running')
  await page.reload()
  await page.getByRole('progressbar', { name: 'Backup' }).first().waitFor()
  await page.getByRole('link', { name: 'See the log' }).click()
  await page.waitForURL(/\/jobs\/[\w-]+$/)
  await page.getByRole('region', { name: 'Backup' }).getByRole('progressbar').waitFor()
  await accessible('jobs-running')
  await page.getByRole('region', { name: 'Backup' }).getByRole('button', { name: 'Cancel' }).click()
  // Also while the other end is silent.
  const { id } = await newest()
  expect((await ended(id)).state).toBe('cancelled')
  sftp.holdAfter = null
  await page.getByRole('region', { name: 'Backup' }).getByText('Cancelled').first().waitFor()
  expect((await host.get<{ items: unknown[] }>('/api/backups')).items).toEqual([])
}, 120_000)

it('says why one failed and what to do', async () => {
  sftp.fullAfter = sftp.written + 100_000
  const job = await ended((await send<Job>('POST', '/api/backups', { kind: 'full', target: 'nas' })).id)
  sftp.fullAfter = null
  expect(job.state).toBe('failed')
  await page.goto(`${host.api}/jobs/${job.id}`)
  await page
    .getByRole('alert')
    .getByText(job.error?.message ?? 'none')
    .waitFor()
  await accessible('jobs-failed')
}, 120_000)

it('shows how far a restore is, and leaves all as it was when it is stopped', async () => {
  const made = await ended((await send<Job>('POST', '/api/backups', { kind: 'full', target: 'nas' })).id)
  const { name } = made.result as { name: string }
  await page.goto(
    `${host.api}/backups/restore?${new URLSearchParams({ step: 'what', target: 'nas', name, mode: 'replace' })}`,
  )
  await button('Dry run').click()
  await page.getByLabel('Type “replace” to go on').fill('replace')
  // The safety backup is read and checked in part, then the archive.
  sftp.holdAfter = 300_000
  await page.getByRole('dialog').getByRole('button', { name: 'Restore', exact: true }).click()
  await page.getByText('You can leave this page').waitFor()
  await page.getByRole('progressbar').first().waitFor()
  await accessible('restore-running')
  await button('Cancel, keep what is there').click()
  expect((await ended((await newest()).id)).state).toBe('cancelled')
  sftp.holdAfter = null
  await page.getByText('Cancelled. Everything is as it was before.').waitFor()
  await accessible('restore-cancelled')
  const { rows } = await send<{ rows: number[][] }>('POST', '/api/sql', { query: 'select count(*) from _traces' })
  expect(Number(rows[0][0])).toBe(10_000)
}, 120_000)
