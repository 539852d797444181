import { createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { launchBrowser, openPage, pageIdle } from '../fixtures/page-browser.ts'
import { RefusingPostgres } from '../fixtures/refusing-postgres.ts'
import { type RunningHost, startTestHost } from '../fixtures/running-host.ts'

let servers: RefusingPostgres
let silent: Server
let host: RunningHost
let browser: Browser
let page: Page

beforeAll(async () => {
  silent = createServer((socket) => socket.on('error', () => undefined))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  servers = await RefusingPostgres.start()
  host = await startTestHost({}, fileURLToPath(new URL('../../out/renderer', import.meta.url)))
  browser = await launchBrowser()
  page = await openPage(browser, host, '/settings/storage?step=connect')
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await host?.stop()
  await servers?.stop()
  silent?.close()
})

async function test(url: string): Promise<void> {
  const address = page.getByLabel('Or all as one address')
  await address.fill(url)
  await page.getByRole('button', { name: 'Test connection' }).click()
}

it('shows at its step why each of them refuses, and what to do', async () => {
  for (const { what, url, says, hint } of await servers.refusals()) {
    // What is no address at all is said under its field.
    if (!url.startsWith('postgres')) continue
    await test(url)
    await page.getByText('This does not work yet:').waitFor()
    const why = page.getByRole('alert')
    await why.waitFor()
    expect(await why.textContent(), what).toMatch(says)
    expect(await why.locator('.hint').textContent(), what).toMatch(hint)
    await page.getByRole('button', { name: 'Back' }).click()
  }
  await page.getByLabel('Or all as one address').fill('mysql://h/d')
  await pageIdle(page)
  expect(await page.getByLabel('Or all as one address').getAttribute('aria-invalid')).toBe('true')
}, 90_000)

it('says in Chinese what refuses, and leaves what the server said in its own words', async () => {
  const list = await servers.refusals()
  const urlOf = (what: string): string => list.find((one) => one.what === what)?.url ?? ''
  const chinese = await openPage(browser, host, '/settings/storage?step=connect', { zh: true })
  try {
    for (const [what, says, words] of [
      ['a wrong password', /不接受 .+ 的密码/, null],
      ['a stranger', /的证书不受信任/, /certificate/],
      ['a standby', /该服务器是备库/, null],
    ] as const) {
      await chinese.getByLabel('或用一个地址表示全部').fill(urlOf(what))
      await chinese.getByRole('button', { name: '测试连接' }).click()
      const why = chinese.getByRole('alert')
      await why.waitFor()
      expect(await why.textContent(), what).toMatch(says)
      const quoted = why.locator('q')
      expect(await quoted.count(), what).toBe(words ? 1 : 0)
      if (words) expect(await quoted.textContent()).toMatch(words)
      await chinese.getByRole('button', { name: '返回' }).click()
    }
  } finally {
    await chinese.context().close()
  }
}, 60_000)

it('shows the steps as they come: what works is there while the next one waits', async () => {
  const { port } = silent.address() as { port: number }
  await test(`postgres://u:p@127.0.0.1:${port}/d?sslmode=disable`)
  const login = page.getByRole('listitem').filter({ hasText: 'Login' })
  await page.waitForFunction(() =>
    [...document.querySelectorAll('li[aria-current="step"]')].some((item) => item.textContent?.includes('Login')),
  )
  expect(await login.getByRole('alert').count()).toBe(0)
  expect(await page.getByRole('listitem').filter({ hasText: 'Server reached (TCP)' }).textContent()).toContain('ms')
  await login.getByRole('alert').waitFor()
}, 30_000)

it('asks for the certificate of the authority where it is checked', async () => {
  await page.getByRole('button', { name: 'Back' }).click()
  await test(servers.url)
  await page.getByText(/All works, in/).waitFor()
  await page.getByText('encrypted, certificate not checked').waitFor()
  await page.getByRole('button', { name: 'Back' }).click()
  expect(await page.getByLabel('Root certificate file').count()).toBe(0)
  await page.getByLabel('Encryption').selectOption('verify-full')
  await page.getByLabel('Root certificate file').fill(servers.authority)
  await page.getByRole('button', { name: 'Test connection' }).click()
  await page.getByText('encrypted, certificate checked').waitFor()
  await page.getByText(/All works, in/).waitFor()
}, 30_000)
