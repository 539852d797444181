// Over 500 lines: the desktop app's whole way, from its start over menus, links and guards to its end, on one built app.
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Job, jobEnded } from '../../core/model/job.ts'
import { makeAuthority } from '../fixtures/certificates.ts'
import {
  type DesktopApp,
  desktopFlags,
  electronBinary,
  ensureDesktopBuild,
  spawnStandIn,
  startDesktop,
} from '../fixtures/desktop-app.ts'

// Each test starts a program and a browser.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const traceId = '5b8efff798038103d269b633813fc60c'
const otlp = JSON.stringify({
  resourceSpans: [
    {
      resource: { attributes: [{ key: 'service.name', value: { stringValue: 'cart' } }] },
      scopeSpans: [
        {
          spans: [
            {
              traceId,
              spanId: 'eee19b7ec3c1b174',
              name: 'GET /from-a-file',
              kind: 2,
              startTimeUnixNano: `${Date.now()}000000`,
              endTimeUnixNano: `${Date.now() + 900}000000`,
            },
          ],
        },
      ],
    },
  ],
})

let folder = ''
let dataDir = ''
beforeAll(ensureDesktopBuild, 300_000)
function makeFolder(): void {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-desktop-'))
  dataDir = join(folder, 'data')
}
const removeFolder = (): void => rmSync(folder, { recursive: true, force: true })

const ready = (app: DesktopApp): Promise<void> => app.until(() => document.querySelector('.shell h1') !== null)
const at = (app: DesktopApp, path: string): Promise<void> => app.until((wanted) => location.pathname === wanted, path)

/** Clicks a menu entry, as `Go > Logs`. */
async function clickMenu(app: DesktopApp, path: string): Promise<void> {
  await app.main((electron, names) => {
    let menu = electron.Menu.getApplicationMenu()
    const last = names.pop()
    for (const name of names) menu = menu?.items.find(({ label }) => label === name)?.submenu ?? null
    const item = menu?.items.find(({ label }) => label === last)
    if (!item?.click) throw new Error(`there is no ${last} to click`)
    item.click()
  }, path.split(' > '))
}

/** What another start of the program hands to the first. */
const secondStart = (app: DesktopApp, args: string[]): Promise<void> =>
  app.main(
    (electron, given) => {
      electron.app.emit('second-instance', {}, given.args, given.directory)
    },
    { args: ['glassbox', ...args], directory: folder },
  )

/** Asks the core as another program of this computer does. */
async function call(app: DesktopApp, path: string, init: RequestInit = {}): Promise<Response> {
  const { api, token } = await app.page(
    () => (window as unknown as { glassbox: { connection: { api: string; token: string } } }).glassbox.connection,
  )
  const response = await fetch(api + path, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } })
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
  return response
}
async function ask<T>(app: DesktopApp, path: string, body?: object): Promise<T> {
  const headers = { 'content-type': 'application/json' }
  const response = await call(app, path, body ? { method: 'POST', body: JSON.stringify(body), headers } : {})
  return (await response.json()) as T
}

const settings = (app: DesktopApp, changes: Record<string, unknown>): Promise<number> =>
  app.page(async (body) => {
    const { api, token } = (window as unknown as { glassbox: { connection: { api: string; token: string } } }).glassbox
      .connection
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const answer = await fetch(`${api}/api/settings`, { method: 'PATCH', headers, body: JSON.stringify(body) })
    return answer.status
  }, changes)

// One app for all of these, as a start takes seconds: the last two leave it.
describe('the desktop app', () => {
  let app: DesktopApp
  beforeAll(async () => {
    makeFolder()
    app = await startDesktop(dataDir, [], { XDG_CONFIG_HOME: join(folder, 'config') })
    await ready(app)
  })
  afterAll(async () => {
    await app.quit()
    removeFolder()
  })
  async function endedJob(job: Job): Promise<Job> {
    let now = job
    while (!jobEnded(now)) now = await ask<Job>(app, `/api/jobs/${job.id}`)
    expect(now.error).toBe(null)
    return now
  }

  it('hands the token over to its own page alone, and keeps that page closed to everything else', async () => {
    // The page got past the question for a token: its requests are answered.
    await app.until(() => document.querySelector('footer.status a') !== null)
    const seen = await app.page(() => ({
      connection: (window as unknown as { glassbox: { connection: { api: string; token: string } } }).glassbox
        .connection,
      origin: location.origin,
      node: typeof (globalThis as unknown as { process?: unknown }).process,
    }))
    expect(seen.connection).toEqual({ api: seen.origin, token: expect.stringMatching(/^[0-9a-f]{32}$/) })
    expect(seen.node).toBe('undefined')
    expect(seen.origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)

    await app.page(() => {
      location.href = 'https://evil.example/'
    })
    await app.page(() => {
      window.open('https://docs.example/page')
      window.open('file:///etc/passwd')
    })
    await app.until((origin) => location.origin === origin && document.querySelector('.shell h1') !== null, seen.origin)
    expect((await fetch(`${seen.origin}/api/status`)).status).toBe(401)
  })

  it('does what its menu says', async () => {
    await clickMenu(app, 'Go > Logs')
    await at(app, '/logs')
    await clickMenu(app, 'File > Settings…')
    await at(app, '/settings/general')
    await clickMenu(app, 'Go > Command palette')
    await app.until(() => document.querySelector('.palette input') === document.activeElement)
  })

  it('opens links and files that the system hands to it', async () => {
    const file = join(folder, 'shop.otlp.jsonl')
    writeFileSync(file, otlp)
    await secondStart(app, ['shop.otlp.jsonl'])
    await app.until(() =>
      document.body.textContent?.includes('shop.otlp.jsonl: 1 spans, 0 log records and 0 metric points came in'),
    )
    await secondStart(app, [`glassbox://trace/${traceId}`])
    await at(app, `/traces/${traceId}`)
    await app.until(() => document.body.textContent?.includes('GET /from-a-file'))

    await secondStart(app, ['missing.otlp.json'])
    await app.until(() => document.body.textContent?.includes('missing.otlp.json: ENOENT'))
    writeFileSync(join(folder, 'broken.otlp.json'), '{"resourceSpans": [')
    await secondStart(app, ['broken.otlp.json'])
    await app.until(() => document.body.textContent?.includes('broken.otlp.json: '))
  })

  it('opens a backup where it is looked into and a debug bundle read-only, whatever they are called now', async () => {
    const backup = await endedJob(await ask<Job>(app, '/api/backups', {}))
    const { name } = backup.result as { name: string }
    copyFileSync(join(dataDir, 'backups', name), join(folder, 'of-monday.glassbox'))
    await secondStart(app, ['of-monday.glassbox'])
    await app.until(() => document.body.textContent?.includes('What is in it'))
    await app.until((wanted) => new URLSearchParams(location.search).get('name') === wanted, name)

    const order = {
      traceIds: [traceId],
      title: 'slow',
      note: '',
      logs: true,
      metrics: true,
      around: '5m',
      removeKeys: [],
    }
    const bundle = await endedJob(await ask<Job>(app, '/api/bundles/make', order))
    const bytes = Buffer.from(await (await call(app, `/api/export/${bundle.id}/file`)).arrayBuffer())
    for (const file of ['slow.bundle.glassbox', 'sent-by-mail.glassbox']) {
      writeFileSync(join(folder, file), bytes)
      // As macOS hands it over; the others start the program again.
      await app.main(
        ({ app: electronApp }, path) => {
          electronApp.emit('open-file', { preventDefault: () => undefined }, path)
        },
        join(folder, file),
      )
      await app.until(() => document.querySelector('.bundle')?.textContent?.includes('read-only'))
      await app.until((path) => location.pathname === path, `/traces/${traceId}`)
      await clickMenu(app, 'Go > Logs')
      await at(app, '/logs')
      await app.page(() => (document.querySelector('.bundle .actions button') as HTMLElement).click())
      await app.until(() => document.querySelector('.bundle') === null)
    }
    await app.main(({ app: electronApp }, url) => {
      electronApp.emit('open-url', { preventDefault: () => undefined }, url)
    }, `glassbox://trace/${traceId}`)
    await at(app, `/traces/${traceId}`)
  })

  it('takes what is dropped on its window', async () => {
    await app.page((text) => {
      const data = new DataTransfer()
      data.items.add(new File([text], 'dropped.otlp.jsonl'))
      for (const type of ['dragover', 'drop'])
        document.body.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }))
    }, otlp)
    await app.until(() => document.querySelector('.report')?.textContent?.includes('dropped.otlp.jsonl'))
  })

  it('starts with the session when asked to', async () => {
    const file = join(folder, 'config/autostart/glassbox.desktop')
    await settings(app, { 'desktop.openAtLogin': true })
    if (process.platform === 'linux') expect(readFileSync(file, 'utf8')).toMatch(/^Exec="\/.*" --hidden$/m)
    await settings(app, { 'desktop.openAtLogin': false })
    expect(existsSync(file)).toBe(false)
  })

  it('stops the core before it leaves, however often it is told to quit, and comes back where it was', async () => {
    const bounds = { x: 40, y: 30, width: 1000, height: 650 }
    await app.main(({ BrowserWindow }, wanted) => {
      const [window] = BrowserWindow.getAllWindows()
      window.setBounds(wanted)
      window.webContents.setZoomFactor(1.5)
    }, bounds)
    expect(existsSync(join(dataDir, 'instance.json'))).toBe(true)
    await app.main(({ app: electronApp }) => {
      electronApp.quit()
      electronApp.quit()
    })
    expect(await app.quit()).toBe(0)
    expect(existsSync(join(dataDir, 'instance.json'))).toBe(false)

    app = await startDesktop(dataDir)
    await ready(app)
    const now = await app.main(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows()
      return { bounds: window.getBounds(), zoom: window.webContents.getZoomFactor() }
    })
    expect(now).toEqual({ bounds, zoom: 1.5 })
  })

  it('stays in the tray when its window is closed, unless told otherwise', async () => {
    const shown = () => app.main(({ BrowserWindow }) => BrowserWindow.getAllWindows().map((one) => one.isVisible()))
    await app.main(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0].close())
    expect(await shown()).toEqual([false])
    await secondStart(app, [])
    expect(await shown()).toEqual([true])
    expect(await settings(app, { 'desktop.keepInTray': false })).toBe(200)
    await app.main(({ BrowserWindow }) => {
      setImmediate(() => BrowserWindow.getAllWindows()[0].close())
    })
    expect(await app.quit()).toBe(0)
  })
})

// What cannot be asked of a true Electron: answering its dialogs, reading its tray, being another frame.
describe.skipIf(electronBinary() !== null)('one app on the stand-in', () => {
  let app: DesktopApp
  beforeAll(async () => {
    makeFolder()
    app = await startDesktop(dataDir, ['--log-level', 'info'])
    await ready(app)
  })
  afterAll(async () => {
    await app.quit()
    removeFolder()
  })

  it('opens its window sandboxed and apart from Node, and lets no content of it lead elsewhere', async () => {
    const seen = await app.main(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows()
      const { preload: _preload, ...preferences } = window.options.webPreferences
      const stopped = (name: string, url: string): boolean => {
        let prevented = false
        window.webContents.emit(name, { url, preventDefault: () => (prevented = true) }, url)
        return prevented
      }
      const away = ['will-navigate', 'will-frame-navigate', 'will-redirect', 'will-attach-webview']
      return { preferences, stopped: away.filter((name) => stopped(name, 'https://evil.example/')) }
    })
    expect(seen.preferences).toMatchObject({
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      webviewTag: false,
      webSecurity: true,
    })
    expect(seen.stopped).toHaveLength(4)
    const { headers } = await call(app, '/')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self'/)
  })

  it('answers no channel for another page, a frame, or with any argument', async () => {
    const answers = await app.main(async ({ ipcMain }) => {
      const seen: unknown[] = []
      for (const url of ['https://evil.example/', 'file:///tmp/x.html', 'about:blank', '']) {
        seen.push(ipcMain.askSync(url, true, 'glassbox:connection', []))
        seen.push(await ipcMain.invoke(url, true, 'glassbox:facts', []))
      }
      return seen.filter((answer) => answer !== null)
    })
    expect(answers).toEqual([])
    const origin = await app.page(() => location.origin)
    const seed = 20261130
    const given = await app.main(
      async ({ ipcMain }, { page, start: first }) => {
        const url = `${page}/traces`
        let state = first
        const random = (): number => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0
          return state
        }
        const values = [null, {}, [], 'x'.repeat(1000), -0, 1e308, { __proto__: 1 }, [[[[]]]], true, '\u0000']
        let answered = 0
        for (let i = 0; i < 10_000; i++) {
          const args = Array.from({ length: 1 + (random() % 3) }, () => values[random() % values.length])
          const channel = ['glassbox:connection', 'glassbox:listening', 'glassbox:facts'][random() % 3]
          const answer =
            channel === 'glassbox:facts'
              ? await ipcMain.invoke(url, true, channel, args)
              : ipcMain.askSync(url, true, channel, args)
          if (answer !== null && answer !== undefined) answered++
        }
        const honest = ipcMain.askSync(url, true, 'glassbox:connection', []) as { api: string }
        return { answered, frame: ipcMain.askSync(url, false, 'glassbox:connection', []), honest: honest.api }
      },
      { page: origin, start: seed },
    )
    expect(given).toEqual({ answered: 0, frame: null, honest: origin })
    expect(
      await app.page(() => (window as unknown as { glassbox: { facts(): Promise<object> } }).glassbox.facts()),
    ).toMatchObject({
      platform: process.platform,
      secrets: 'file',
    })
  })

  it('denies permissions and devices, and opens only web addresses outside', async () => {
    const granted = await app.main(({ BrowserWindow }) => {
      const [{ webContents }] = BrowserWindow.getAllWindows()
      const asked = [
        'geolocation',
        'media',
        'notifications',
        'openExternal',
        'clipboard-read',
        'clipboard-sanitized-write',
      ]
      const yes = asked.filter((permission) => {
        let answer = false
        webContents.session.permissionRequest?.(null, permission, (given) => {
          answer = given
        })
        return answer || webContents.session.permissionCheck?.(null, permission)
      })
      const opened = ['https://docs.example/', 'file:///etc/passwd', 'javascript:alert(1)', 'mailto:a@b.c', 'x'].map(
        (url) => webContents.openHandler?.({ url }).action,
      )
      return { yes, opened, device: webContents.session.devicePermission?.() }
    })
    expect(granted).toEqual({ yes: ['clipboard-sanitized-write'], opened: Array(5).fill('deny'), device: false })
    expect(await app.main(({ remembered }) => remembered.opened)).toEqual(['https://docs.example/'])
  })

  it('shows its health in the tray and pauses recording from there', async () => {
    const tray = () =>
      app.main(({ remembered: { trays } }) => ({
        tip: trays[0].tooltip,
        image: (trays[0].image as { path: string }).path,
        menu: trays[0].menu?.items.map(({ label }) => label),
      }))
    const shows = async (tip: string): Promise<void> => {
      await app.main(
        ({ remembered: all }, wanted) =>
          new Promise<void>((resolve) => {
            const tray = all.trays[0]
            const set = tray.setToolTip.bind(tray)
            if (tray.tooltip === wanted) resolve()
            tray.setToolTip = (text) => {
              set(text)
              if (text === wanted) resolve()
            }
          }),
        tip,
      )
    }
    await shows('Glassbox: Receiving')
    expect((await tray()).image).toMatch(/tray-ok/)
    await app.main(({ remembered: all }) =>
      all.trays[0].menu?.items.find(({ label }) => label === 'Pause recording')?.click?.(),
    )
    await shows('Glassbox: Recording is paused')
    expect(await tray()).toMatchObject({
      image: expect.stringMatching(/tray-paused/),
      menu: expect.arrayContaining(['Resume recording']),
    })
  })

  it('imports what is chosen in the system’s own dialog, and opens the folders of its Help menu', async () => {
    const file = join(folder, 'chosen.prom')
    writeFileSync(file, `shop_orders_total 12 ${Date.now()}\n`)
    await app.main(
      ({ answers }, files) => {
        answers.files.push(files)
      },
      [file],
    )
    await clickMenu(app, 'File > Import telemetry…')
    await app.until(() =>
      document.body.textContent?.includes('chosen.prom: 0 spans, 0 log records and 1 metric points came in'),
    )
    await clickMenu(app, 'Help > Open the log folder')
    expect(await app.main(({ remembered }) => remembered.opened.at(-1))).toBe(join(dataDir, 'logs'))
  })

  it('tells of a job that ended while nobody looked; a click leads to it', async () => {
    const told = () => app.main(({ remembered }) => remembered.notifications.map(({ title }) => title))
    await app.main(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()[0].focused = false
    })
    const { id } = await ask<Job>(app, '/api/backups', { kind: 'config' })
    await expect.poll(told, { timeout: 60_000 }).toEqual(['Done: Backup'])
    await app.main(({ remembered }) => remembered.notifications[0].click())
    await at(app, `/jobs/${id}`)
  })

  it('opens the page again after it died', async () => {
    await app.page(() => {
      document.title = 'about to die'
    })
    await app.main(({ BrowserWindow }) =>
      BrowserWindow.getAllWindows()[0].webContents.emit('render-process-gone', {}, { reason: 'oom', exitCode: 9 }),
    )
    await app.until(() => document.title !== 'about to die' && document.querySelector('.shell h1') !== null)
    expect(await app.main(({ remembered }) => remembered.dialogs[0].detail)).toContain('oom (9)')
  })

  it('says that the page could not be loaded, with the log to copy', async () => {
    await app.main(({ BrowserWindow, answers }) => {
      answers.buttons.push(1, 0)
      const { webContents } = BrowserWindow.getAllWindows()[0]
      webContents.emit('did-fail-load', {}, -3, 'ERR_ABORTED', '', true)
      webContents.emit('did-fail-load', {}, -102, 'ERR_CONNECTION_REFUSED', 'http://127.0.0.1/', true)
    })
    const copied = () => app.main(({ remembered }) => remembered.copied)
    await expect.poll(copied).toHaveLength(1)
    const [text] = await copied()
    expect(text).toContain('The page could not be loaded: ERR_CONNECTION_REFUSED (-102)')
    expect(text).toMatch(/"msg":"job backup ended: done"/)
    await ready(app)
  })
})

describe.skipIf(electronBinary() !== null)('starts of the shell on the stand-in', () => {
  beforeEach(makeFolder)
  afterEach(removeFolder)
  const started: DesktopApp[] = []
  const start = async (args: string[] = [], env: Record<string, string> = {}): Promise<DesktopApp> => {
    const app = await startDesktop(dataDir, args, env)
    started.push(app)
    return app
  }
  afterEach(async () => {
    for (const app of started.splice(0)) await app.quit()
  })
  it('offers another port when another program has ours, naming it', async () => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const app = await start(['--api-port', String(port)])
    await ready(app)
    expect(await app.page(() => Number(location.port))).not.toBe(port)
    const asked = await app.main(({ remembered }) => remembered.dialogs)
    expect(asked).toHaveLength(1)
    expect(asked[0].detail).toContain(`port ${port} is taken`)
    if (process.platform === 'linux') expect(asked[0].detail).toContain(`pid ${process.pid}`)
    await app.quit()
    const declined = spawnStandIn([...desktopFlags(join(folder, 'other')), '--api-port', String(port)], {
      STAND_IN_BUTTONS: '1',
    })
    expect((await once(declined, 'exit'))[0]).toBe(0)
    other.close()
  })

  it('is opened by a file, asks for its links, and finds a new version where it is told to look', async () => {
    const authority = makeAuthority('An authority of this test')
    const { certificate: cert, key } = authority.issue(['127.0.0.1'])
    const feed = createTlsServer({ cert, key }, (_request, response) => {
      const file = { url: 'Glassbox-99.0.0.AppImage', sha512: 'AAAA', size: 10 }
      response.end(JSON.stringify({ version: '99.0.0', files: [file], releaseDate: '2026-11-30T00:00:00.000Z' }))
    })
    feed.listen(0, '127.0.0.1')
    await once(feed, 'listening')
    const ca = join(folder, 'ca.pem')
    writeFileSync(ca, authority.certificate)
    const file = join(folder, 'first.otlp.jsonl')
    writeFileSync(file, otlp)
    const app = await start([file], { STAND_IN_PACKAGED: '1', APPIMAGE: '/opt/glassbox', NODE_EXTRA_CA_CERTS: ca })
    await app.until(() => document.body.textContent?.includes('first.otlp.jsonl: 1 spans'))
    expect(await app.main(({ app: electronApp }) => electronApp.protocols)).toEqual(['glassbox'])
    await app.main(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()[0].focused = false
    })
    const { port } = feed.address() as AddressInfo
    await settings(app, { 'desktop.updates': 'tell', 'desktop.updateUrl': `https://127.0.0.1:${port}/` })
    const told = () => app.main(({ remembered }) => remembered.notifications.map(({ title }) => title))
    await expect.poll(told, { timeout: 20_000 }).toContain('There is a new version: 99.0.0')
    feed.close()
  })

  it('starts in the tray alone with the session, and opens its window when started again', async () => {
    const app = await start(['--hidden'])
    const shown = () =>
      app.main(({ BrowserWindow, remembered }) => [BrowserWindow.getAllWindows().length, remembered.trays.length])
    await expect.poll(shown, { timeout: 30_000 }).toEqual([0, 1])
    await secondStart(app, [])
    await ready(app)
    expect(await shown()).toEqual([1, 1])
  })

  it('lets the keychain guard passwords, and starts on the local file when that is lost', async () => {
    const kept = await start([], { STAND_IN_KEYCHAIN: 'mine' })
    await ready(kept)
    expect(await settings(kept, { 'storage.postgresUrl': 'postgres://me:hunter2@db/team' })).toBe(200)
    await kept.quit()
    expect(readFileSync(join(dataDir, 'secret.key'), 'utf8')).toMatch(/^glassbox keyring 1\nmine /)

    const again = await start([], { STAND_IN_KEYCHAIN: 'mine' })
    await ready(again)
    expect(await again.main(({ remembered }) => remembered.dialogs)).toEqual([])
    await again.quit()

    const lost = await start([], { STAND_IN_KEYCHAIN: 'another' })
    await ready(lost)
    const [asked] = await lost.main(({ remembered }) => remembered.dialogs)
    expect(asked.message).toBe('Saved passwords cannot be opened')
    expect(asked.buttons?.[0]).toBe('Start on the local file')
  })

  it('says what kept it from starting, and leaves a second start to the first', async () => {
    const args = desktopFlags(dataDir).filter((flag) => flag !== '--log-level' && flag !== 'silent')
    const bad = spawnStandIn(args, { GLASSBOX_LOG_LEVEL: 'shouting', STAND_IN_BUTTONS: '1' })
    let why = ''
    bad.stdout?.on('data', (chunk) => {
      why += chunk
    })
    expect((await once(bad, 'exit'))[0]).toBe(1)
    expect(JSON.parse(why.split('\n')[0]).dialog).toMatchObject({
      message: 'Glassbox cannot start',
      detail: expect.stringMatching(/GLASSBOX_LOG_LEVEL/),
    })
    const second = spawnStandIn(desktopFlags(dataDir), { STAND_IN_SECOND: '1' })
    expect((await once(second, 'exit'))[0]).toBe(0)
  })
})
