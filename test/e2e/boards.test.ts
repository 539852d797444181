import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import AxeBuilder from '@axe-core/playwright'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Board, BoardContent, BoardImport, BoardInfo } from '../../core/model/board.ts'
import { sendMetrics } from '../fixtures/metric-data.ts'
import { pageIdle as idle, launchBrowser, openPage, type PageOptions } from '../fixtures/page-browser.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

const DASHBOARD = fileURLToPath(new URL('../fixtures/grafana/service-overview.json', import.meta.url))
let host: RunningHost
let browser: Browser

beforeAll(async () => {
  host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)))
  browser = await launchBrowser()
  await sendMetrics(host)
}, 150_000)
afterAll(async () => {
  await browser?.close()
  await host.stop()
})

async function send<T>(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; answer: T & { code?: string; detail?: string } }> {
  const response = await fetch(host.api + path, {
    method,
    headers: {
      authorization: `Bearer ${host.token}`,
      // A kept connection may be closed by the host while a browser was busy.
      connection: 'close',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return { status: response.status, answer: (await response.json()) as T & { code?: string; detail?: string } }
}
const read = async (bytes: BodyInit, name = 'file.json') => {
  const headers = { authorization: `Bearer ${host.token}`, 'content-type': 'application/octet-stream' }
  const response = await fetch(`${host.api}/api/boards/read?name=${name}`, { method: 'POST', headers, body: bytes })
  return { status: response.status, answer: (await response.json()) as BoardImport & { code?: string; hint?: string } }
}
const graph = (id: string, expr: string, at: { x: number; y: number; w: number; h: number }, more: object = {}) => ({
  id,
  kind: 'graph',
  title: id,
  ...at,
  queries: [{ expr }],
  ...more,
})
const create = async (title: string, panels: object[], more: object = {}): Promise<Board> =>
  (await send<Board>('POST', '/api/boards', { title, panels, ...more })).answer

const open = (path: string, options: PageOptions = {}): Promise<Page> =>
  openPage(browser, host, path, { ...options, timeoutMs: 40_000 })
const drawn = (page: Page, id: string) => page.locator(`[data-panel="${id}"] .time-chart[data-drawn]`)

it('keeps boards with a version, refuses a change to an older one, and brings a deleted board back', async () => {
  const made = await create('Versions', [graph('a', 'queue_length', { x: 0, y: 0, w: 12, h: 8 })])
  expect(made.version).toBe(1)
  const changed = await send<Board>('PUT', `/api/boards/${made.id}`, {
    version: 1,
    content: { ...made.content, title: 'Second' },
  })
  expect(changed.answer).toMatchObject({ version: 2, content: { title: 'Second' } })
  const late = await send<Board>('PUT', `/api/boards/${made.id}`, { version: 1, content: made.content })
  expect([late.status, late.answer.code]).toEqual([409, 'board_conflict'])
  expect((await send('DELETE', `/api/boards/${made.id}?version=1`)).status).toBe(409)
  expect((await send('DELETE', `/api/boards/${made.id}`)).status).toBe(200)
  expect((await send<Board>('GET', `/api/boards/${made.id}`)).answer.code).toBe('board_not_found')
  expect((await send<{ items: BoardInfo[] }>('GET', '/api/boards')).answer.items.map(({ id }) => id)).not.toContain(
    made.id,
  )
  expect((await send<Board>('POST', `/api/boards/${made.id}/restore`)).answer).toMatchObject({ version: 2 })
  expect((await send<Board>('GET', `/api/boards/${made.id}`)).answer.content.title).toBe('Second')
  expect((await send('DELETE', `/api/boards/${made.id}`)).status).toBe(200)
})

it('refuses what is no board, naming the field', async () => {
  for (const [body, words] of [
    [{ title: '' }, 'title'],
    [{ title: 'x', panels: [graph('a', 'up', { x: 0, y: 0, w: 25, h: 8 })] }, 'panels.0.w'],
    [
      {
        title: 'x',
        panels: [graph('a', 'up', { x: 0, y: 0, w: 2, h: 8 }), graph('a', 'up', { x: 0, y: 0, w: 2, h: 8 })],
      },
      'two panels',
    ],
    [{ title: 'x', nonsense: 1 }, 'nonsense'],
  ] as const) {
    const { status, answer } = await send('POST', '/api/boards', body)
    expect([status, answer.code]).toEqual([400, 'bad_request'])
    expect(answer.detail).toContain(words)
  }
  expect((await read('{')).answer.code).toBe('malformed_body')
  expect((await read('[1]')).answer.code).toBe('board_unreadable')
  expect((await read(new Uint8Array(9 * 1024 * 1024))).status).toBe(413)
})

it('survives a restart of the host', async () => {
  const other = await startTestHost()
  const board = await other.get<Board>('/api/boards', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'Kept' }),
  })
  await other.host.stop()
  const { createHost } = await import('../../core/host.ts')
  const { applySettings, defaultSettings } = await import('../../core/config/settings.ts')
  const settings = applySettings(defaultSettings, {
    'server.apiPort': 0,
    'server.otlpPort': 0,
    'server.otlpGrpcPort': 0,
    'log.level': 'silent',
    'collectors.host.enabled': false,
  })
  const again = createHost({ dataDir: other.dataDir, settings })
  try {
    const { api, token } = await again.start()
    const answer = await fetch(`${api}/api/boards/${board.id}`, { headers: { authorization: `Bearer ${token}` } })
    expect(((await answer.json()) as Board).content.title).toBe('Kept')
  } finally {
    await again.stop()
    await other.stop()
  }
})

it('shows a dashboard of Grafana: what cannot be shown is listed, the rest draws', async () => {
  const page = await open('/boards?range=1h')
  await page.getByRole('button', { name: 'Import JSON' }).waitFor()
  await page.locator('input[type=file]').setInputFiles(DASHBOARD)
  const dialog = page.getByRole('dialog')
  await dialog.getByText('7 panels can be shown. 2 variables.').waitFor()
  await dialog.getByText('there is no panel of kind “piechart” here').waitFor()
  await dialog.getByText('a query of “loki”, not of Prometheus').waitFor()
  await dialog.getByText('transformation “organize” is not applied').waitFor()
  await dialog.getByRole('button', { name: 'Save board' }).click()
  await page.waitForURL(/\/boards\/[0-9a-f-]{36}/)
  const requests = page.getByRole('region', { name: 'Requests', exact: true })
  await requests.locator('.time-chart[data-drawn]').waitFor()
  await requests.locator('.legend').getByText('500').waitFor()
  await page
    .getByRole('region', { name: 'Error share' })
    .getByText(/^\d+\.\d\d %$/)
    .waitFor()
  await page.getByRole('region', { name: 'P95' }).getByRole('meter').first().waitFor()
  await page
    .getByRole('region', { name: 'Memory', exact: true })
    .first()
    .getByRole('cell', { name: /MiB$/ })
    .first()
    .waitFor()
  await page.getByRole('heading', { name: /^Overview of cart \+ checkout \+ gateway/ }).waitFor()
  // The variable leaves payment out, and narrows the table's neighbours when one is chosen.
  await page.getByRole('button', { name: 'Service: All' }).click()
  await page.getByRole('checkbox', { name: 'checkout' }).click()
  await page.waitForURL((url) => url.searchParams.getAll('var-service').join() === 'checkout')
  await page.keyboard.press('Escape')
  await page.getByRole('heading', { name: 'Overview of checkout' }).waitFor()
  await page.reload()
  await page.getByRole('button', { name: 'Service: checkout' }).waitFor()
  await page.context().close()
}, 150_000)

it('moves and resizes panels by keys and by mouse, and saves', async () => {
  const { id } = await create('Moving', [
    graph('a', 'queue_length', { x: 0, y: 0, w: 12, h: 6 }),
    graph('b', 'sum(queue_length)', { x: 12, y: 0, w: 12, h: 6 }),
  ])
  const page = await open(`/boards/${id}?range=1h`)
  await drawn(page, 'a').waitFor()
  await page.keyboard.press('e')
  await page.waitForURL(/edit=1/)
  const handle = page.getByRole('button', { name: 'Move or resize a' })
  await handle.focus()
  await page.keyboard.press('Shift+ArrowDown')
  await page.getByText('Column 1, row 1, 12 wide, 7 high').waitFor({ state: 'attached' })
  await page.keyboard.press('ArrowDown')
  await page.getByText(/^Column 1, row 1,/).waitFor({ state: 'attached' })
  await page.getByText('not saved').waitFor()
  // By mouse: b goes under a.
  await idle(page)
  const head = page.locator('[data-panel="b"] .head h3')
  const from = await head.boundingBox()
  const target = await page.locator('[data-panel="a"]').boundingBox()
  if (!from || !target) throw new Error('no panels')
  await page.mouse.move(from.x + 10, from.y + 8)
  await page.mouse.down()
  await page.mouse.move(from.x - 200, from.y + 60, { steps: 5 })
  await page.mouse.move(target.x + 20, target.y + target.height + 40, { steps: 10 })
  await page.mouse.up()
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Board saved').waitFor()
  await page.waitForURL((url) => !url.searchParams.has('edit'))
  const saved = (await send<Board>('GET', `/api/boards/${id}`)).answer
  expect(saved.version).toBe(2)
  const [a, b] = saved.content.panels
  expect([a.w, a.h]).toEqual([12, 7])
  expect([b.x < 12, b.y]).toEqual([true, 7])
  await page.context().close()
}, 150_000)

it('adds, edits, duplicates and removes panels; removing and discarding can be undone', async () => {
  const { id } = await create('Editing', [])
  const page = await open(`/boards/${id}?range=1h&edit=1`)
  await page.getByLabel('Add a panel').selectOption('gauge')
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Title').fill('Queue')
  await dialog.locator('.cm-content').click()
  await page.keyboard.type('sum(queue_length)')
  await page.keyboard.press('Escape')
  await dialog.getByLabel('Unit').fill('suffix:jobs')
  await dialog.getByRole('button', { name: 'Add a threshold' }).click()
  await dialog.getByRole('button', { name: 'Apply' }).click()
  await page
    .getByRole('region', { name: 'Queue' })
    .getByText(/ jobs$/)
    .first()
    .waitFor()
  await page.getByRole('button', { name: 'Duplicate Queue' }).click()
  await page.waitForFunction(() => document.querySelectorAll('[data-panel]').length === 2)
  await page.getByRole('button', { name: 'Remove Queue' }).first().click()
  await page.waitForFunction(() => document.querySelectorAll('[data-panel]').length === 1)
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.waitForFunction(() => document.querySelectorAll('[data-panel]').length === 2)
  await page.getByRole('button', { name: 'Discard' }).click()
  await page.getByText('This board is empty').waitFor()
  await page.getByRole('button', { name: 'Undo' }).last().click()
  await page.waitForFunction(() => document.querySelectorAll('[data-panel]').length === 2)
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('Board saved').waitFor()
  const { content } = (await send<Board>('GET', `/api/boards/${id}`)).answer
  expect(content.panels.map(({ kind, unit, thresholds }) => [kind, unit, thresholds.length])).toEqual([
    ['gauge', 'suffix:jobs', 2],
    ['gauge', 'suffix:jobs', 2],
  ])
  await page.context().close()
}, 150_000)

it('tells of a change by somebody else instead of writing over it', async () => {
  const made = await create('Shared', [graph('a', 'queue_length', { x: 0, y: 0, w: 12, h: 6 })])
  const page = await open(`/boards/${made.id}?range=1h&edit=1`)
  await page.getByRole('button', { name: 'Move or resize a' }).focus()
  await page.keyboard.press('ArrowRight')
  await page.getByText('not saved').waitFor()
  await send('PUT', `/api/boards/${made.id}`, { version: 1, content: { ...made.content, title: 'Theirs' } })
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('The board was changed meanwhile').waitFor()
  await page.getByRole('button', { name: 'Save mine as a new board' }).click()
  await page.getByRole('heading', { name: 'Shared (copy)' }).waitFor()
  expect((await send<Board>('GET', `/api/boards/${made.id}`)).answer.content.title).toBe('Theirs')
  await page.context().close()
}, 150_000)

it('takes a graph from the Metrics screen, shows a panel alone, and exports what it can read again', async () => {
  const page = await open(`/metrics?range=1h&expr=${encodeURIComponent('sum by (job) (queue_length)')}`)
  await page.locator('.series-table .item').first().waitFor()
  await page.getByRole('button', { name: 'Save to board' }).click()
  await page.getByRole('combobox', { name: 'Board' }).selectOption({ label: 'A new board' })
  await page.getByLabel('Title of the new board').fill('From metrics')
  await page.getByLabel('Title of the panel').fill('Queues')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByRole('button', { name: 'Open', exact: true }).click()
  await page.waitForURL(/\/boards\//)
  const panel = page.getByRole('region', { name: 'Queues' })
  await panel.locator('.time-chart[data-drawn]').waitFor()
  await panel.hover()
  await page.getByRole('button', { name: 'Show Queues alone' }).click()
  await page.waitForURL(/panel=/)
  await page.keyboard.press('Escape')
  await page.waitForURL((url) => !url.searchParams.has('panel'))
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export' }).click(),
  ])
  const again = await read(readFileSync(await download.path()))
  expect(again.answer).toMatchObject({
    source: 'glassbox',
    notes: [],
    content: { title: 'From metrics' } satisfies Partial<BoardContent>,
  })
  await page.context().close()
}, 150_000)

it('lists boards, finds them, deletes one and brings it back', async () => {
  await create('Zebra', [])
  const page = await open('/boards?range=1h')
  await page.getByRole('link', { name: /Zebra/ }).waitFor()
  await page.keyboard.press('/')
  await page.waitForFunction(() => document.activeElement?.getAttribute('type') === 'search')
  await page.keyboard.type('zeb')
  await page.waitForFunction(() => document.querySelectorAll('.list li').length === 1)
  await page.getByRole('button', { name: 'Delete Zebra' }).click()
  await page.getByText('No board is called').waitFor()
  await page.getByRole('button', { name: 'Undo' }).click()
  await page.getByRole('link', { name: /Zebra/ }).waitFor()
  await page.context().close()
}, 150_000)

it.each([
  { name: 'board, light', edit: '', options: {} },
  { name: 'board, dark, 简体中文, 1024', edit: '', options: { dark: true, zh: true, width: 1024 } },
  { name: 'edited, dark', edit: '&edit=1', options: { dark: true } },
])(
  'has no serious accessibility fault ($name)',
  async ({ edit, options }) => {
    const { answer } = await read(readFileSync(DASHBOARD))
    const { id } = (await send<Board>('POST', '/api/boards', answer.content)).answer
    const page = await open(`/boards/${id}?range=1h${edit}`, options)
    await page.locator('.time-chart[data-drawn]').first().waitFor()
    await page.getByRole('meter').first().waitFor()
    await idle(page)
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'])
      .analyze()
    const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
    expect(grave.map(({ id: rule, nodes }) => `${rule}: ${nodes[0]?.html}`)).toEqual([])
    await page.context().close()
  },
  150_000,
)
