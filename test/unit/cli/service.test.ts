import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { unitText } from '../../../core/cli/systemd-unit.ts'
import { glassbox } from '../../fixtures/command.ts'

let folder: string
let env: Record<string, string>
/** Notes how it was called; every other program of systemd is the real one, where there is one. */
const calls = (): string[] => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n')
const unit = (): string => join(folder, 'config/systemd/user/glassbox.service')

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-service-'))
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(
    join(bin, 'systemctl'),
    `#!/bin/sh\necho "$@" >> ${join(folder, 'calls')}\n[ "$2" != is-active ] || echo inactive\n`,
  )
  chmodSync(join(bin, 'systemctl'), 0o755)
  env = {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    XDG_CONFIG_HOME: join(folder, 'config'),
    XDG_DATA_HOME: join(folder, 'data'),
    GLASSBOX_DATA_DIR: '',
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const order = {
  system: true,
  program: ['/usr/bin/node', '/opt/glassbox/main.js'],
  flags: [] as string[],
  dataDir: null as string | null,
  user: null as string | null,
  namespaces: true,
}

it.skipIf(spawnSync('systemd-analyze', ['--version']).error !== undefined)(
  'writes units that systemd takes and calls well guarded',
  () => {
    const orders = [
      order,
      { ...order, user: 'root', dataDir: '/srv/my "data" 100%/$x' },
      { ...order, system: false, dataDir: '/home/me/.local/share/glassbox' },
      { ...order, system: false, dataDir: '/home/me/data', namespaces: false, flags: ['--api-port', '4400'] },
    ]
    for (const one of orders) {
      const file = join(folder, 'glassbox.service')
      // The program named has to exist for systemd's check.
      writeFileSync(
        file,
        unitText({ ...one, program: [process.execPath, '/opt/glassbox/main.js'] }, '/etc/glassbox/glassbox.env'),
      )
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' })
      expect([status, stderr]).toEqual([0, ''])
    }
    const file = join(folder, 'glassbox.service')
    writeFileSync(file, unitText(order, '/etc/glassbox/glassbox.env'))
    const { stdout } = spawnSync('systemd-analyze', ['security', '--offline=true', file], { encoding: 'utf8' })
    expect(Number(/exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])).toBeLessThan(2.5)
  },
)

it('takes away what a service has no use for, and writes paths as systemd reads them', () => {
  const text = unitText(
    { ...order, system: true, user: 'glass', dataDir: '/home/g/a b%', flags: ['--host', '$x'] },
    '/e',
  )
  for (const line of [
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
    'PrivateTmp=yes',
    'User=glass',
    'ProtectHome=read-only',
  ])
    expect(text.split('\n')).toContain(line)
  expect(text).toContain('ReadWritePaths="/home/g/a b%%"')
  expect(text).toContain('--data-dir "/home/g/a b%%" --no-open --host $$x')
  expect(text).not.toContain('MemoryDenyWriteExecute')
  const bare = unitText({ ...order, system: false, dataDir: '/d', namespaces: false }, '/e')
  expect(bare).not.toMatch(/Protect|PrivateTmp|User=/)
})

it('installs, tells how it stands, and leaves data and secrets when it goes', async () => {
  const secret = await glassbox(['service', 'install', '--', '--token', 'x'], { env })
  expect([secret.code, secret.stderr]).toEqual([2, expect.stringContaining('glassbox.env')])
  expect((await glassbox(['service', 'install', '--system', '--user', 'me'], { env })).code).toBe(2)
  const absent = await glassbox(['service', 'status', '--json'], { env })
  expect([absent.code, JSON.parse(absent.stdout)]).toEqual([
    1,
    { installed: false, unit: unit(), enabled: 'no', active: 'no', api: null },
  ])
  expect((await glassbox(['service', 'uninstall'], { env })).code).toBe(1)

  const done = await glassbox(['service', 'install', '--', '--api-port', '4400'], { env })
  expect([done.code, done.stderr]).toEqual([0, expect.stringContaining(unit())])
  expect(readFileSync(unit(), 'utf8')).toContain('serve --data-dir')
  expect(readFileSync(unit(), 'utf8')).toContain('--api-port 4400')
  const secrets = join(folder, 'config/glassbox/glassbox.env')
  expect(statSync(secrets).mode & 0o777).toBe(0o600)
  expect(calls()).toEqual(['--version', '--user daemon-reload', '--user enable --now glassbox.service'])
  const status = await glassbox(['service', 'status', '--json'], { env })
  expect(JSON.parse(status.stdout)).toMatchObject({ installed: true, active: 'inactive' })

  writeFileSync(secrets, 'GLASSBOX_TOKEN=mine\n')
  expect((await glassbox(['service', 'install'], { env })).code).toBe(0)
  expect((await glassbox(['service', 'uninstall'], { env })).code).toBe(0)
  expect([existsSync(unit()), readFileSync(secrets, 'utf8')]).toEqual([false, 'GLASSBOX_TOKEN=mine\n'])
}, 60_000)

it('says what to do where there is no systemd', async () => {
  const none = { ...env, PATH: join(folder, 'nothing') }
  const { code, stderr } = await glassbox(['service', 'install'], { env: none })
  expect([code, stderr]).toEqual([1, expect.stringMatching(/no systemd.*\n.*--print/)])
  expect((await glassbox(['service', 'install', '--print'], { env: none })).stdout).toContain('[Install]')
}, 30_000)

it('names in compose and Dockerfile only what there is', () => {
  const compose = parse(readFileSync('build/deploy/compose.yaml', 'utf8'))
  expect(
    existsSync(
      join('build/deploy', compose.services.glassbox.build.context, compose.services.glassbox.build.dockerfile),
    ),
  ).toBe(true)
  expect(Object.keys(compose.services)).toEqual(['glassbox', 'postgres'])
  const dockerfile = readFileSync('build/deploy/Dockerfile', 'utf8')
  const ignored = readFileSync('.dockerignore', 'utf8').split('\n')
  for (const [, files] of dockerfile.matchAll(/^COPY ((?:[\w.-]+ )+)\.\/$/gm))
    for (const file of files.trim().split(' '))
      expect([file, existsSync(file), ignored.includes(file)]).toEqual([file, true, false])
  expect(dockerfile).toMatch(/^USER node$/m)
})
