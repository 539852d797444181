import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { PinnedTrace, SpanNote } from '../../core/model/pins.ts'
import { startJourneyHost } from '../fixtures/journey-host.ts'
import { launchBrowser, openPage, pageIdle, pageQuery } from '../fixtures/page-browser.ts'
import { followLive, type RunningHost } from '../fixtures/running-host.ts'

let host: RunningHost
let browser: Browser
let page: Page
let traceId = ''
const problems: string[] = []

beforeAll(async () => {
  host = await startJourneyHost()
  const live = await followLive(host)
  traceId = (await host.get<{ traceId: string }>('/api/test-trace', { method: 'POST' })).traceId
  await live.wait((message) => message.type === 'traces' && message.data.items.some((one) => one.traceId === traceId))
  live.close()
  browser = await launchBrowser()
  page = await openPage(browser, host, '/traces?range=1h')
  page.on('pageerror', (error) => problems.push(error.message))
}, 90_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
})

const pins = async () => (await host.get<{ items: PinnedTrace[] }>('/api/pins')).items
const notes = async () => (await host.get<{ items: SpanNote[] }>(`/api/traces/${traceId}/notes`)).items
const toast = (text: string) => page.getByText(text).first().waitFor()

it('pins a trace with one key, marks it in the list and keeps it in a list of its own', async () => {
  await page.locator(`[data-trace="${traceId}"]`).click()
  await page.getByRole('treegrid').waitFor()
  await page.keyboard.press('p')
  await toast('Pinned: retention leaves the trace and its logs alone')
  expect((await pins()).map((one) => one.summary.traceId)).toEqual([traceId])
  await page.getByRole('button', { name: 'Unpin this trace' }).waitFor()
  await page.keyboard.press('Escape')
  await page.locator(`[data-trace="${traceId}"]`).getByLabel('pinned').waitFor()
  // Hours before the trace: the list of pinned traces knows no range.
  await page.goto(`${host.api}/traces?start=1000000&end=2000000`)
  await page.getByRole('link', { name: 'Pinned traces' }).click()
  await page.getByText('1 pinned trace', { exact: true }).waitFor()
  await page.locator(`[data-trace="${traceId}"]`).waitFor()
  expect(pageQuery(page)).toEqual({ pinned: '1' })
})

it('unpins from the list, with a way back', async () => {
  await page.keyboard.press('j')
  await page.keyboard.press('p')
  await page.getByText('No trace is pinned').waitFor()
  expect(await pins()).toEqual([])
  await page.getByRole('button', { name: 'Undo' }).last().click()
  await page.locator(`[data-trace="${traceId}"]`).waitFor()
  expect(await pins()).toHaveLength(1)
})

it('writes, changes, deletes and brings back a note on a span', async () => {
  await page.goto(`${host.api}/traces/${traceId}?range=1h`)
  await page.getByRole('treegrid').waitFor()
  await page.keyboard.press('j')
  await page.getByRole('row', { selected: true, name: 'test step' }).waitFor()
  await pageIdle(page)
  await page.keyboard.press('m')
  const field = page.getByRole('textbox', { name: 'New note' })
  await field.waitFor()
  await page.waitForFunction(() => document.activeElement instanceof HTMLTextAreaElement)
  await page.keyboard.type('slow since <b>Tuesday</b>')
  await page.keyboard.press('Control+Enter')
  await page.locator('.notes .text', { hasText: 'slow since <b>Tuesday</b>' }).waitFor()
  await page.getByRole('row', { selected: true, name: 'test step' }).getByLabel('has a note').waitFor()
  const { violations } = await new AxeBuilder({ page })
    .include('.inspector')
    .withTags(['wcag2a', 'wcag2aa', 'wcag22aa'])
    .analyze()
  expect(violations.map((one) => one.id)).toEqual([])
  await page.getByRole('button', { name: 'Change the note' }).click()
  await page.getByRole('textbox', { name: 'Change the note' }).fill('slow since Monday')
  await page.getByRole('button', { name: 'Save note' }).click()
  await page.locator('.notes .text', { hasText: 'slow since Monday' }).waitFor()
  await page.getByRole('button', { name: 'Delete the note' }).click()
  await page.locator('.notes').waitFor({ state: 'detached' })
  expect(await notes()).toEqual([])
  await page.getByRole('button', { name: 'Undo' }).last().click()
  await page.locator('.notes .text', { hasText: 'slow since Monday' }).waitFor()
  expect(await notes()).toMatchObject([{ text: 'slow since Monday', traceId }])
  expect(await pins()).toMatchObject([{ notes: 1 }])
})

it('refuses pins of what is not stored and notes that say nothing', async () => {
  const put = (path: string, method: string, body?: object) =>
    fetch(`${host.api}${path}`, {
      method,
      headers: { authorization: `Bearer ${host.token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body && JSON.stringify(body),
    })
  const answer = await put(`/api/traces/${'ab'.repeat(16)}/pin`, 'PUT')
  expect([answer.status, await answer.json()]).toMatchObject([404, { code: 'trace_not_found' }])
  expect((await put(`/api/traces/${traceId}/notes`, 'POST', { spanId: '0'.repeat(15) + '1', text: '  ' })).status).toBe(
    400,
  )
  const gone = await put(`/api/traces/${traceId}/notes/none`, 'DELETE')
  expect([gone.status, await gone.json()]).toMatchObject([404, { code: 'note_not_found' }])
  expect(problems).toEqual([])
})
