import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { extractFile, listPackage } from '@electron/asar'
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openingsOf } from '../../electron/opening.ts'
import { ensureDesktopBuild, root } from '../fixtures/desktop-app.ts'
import { makeElectronFolder } from '../fixtures/electron-folder.ts'

interface Association {
  ext: string
  mimeType: string
}
const { default: config } = (await import(
  new URL('../../build/electron-builder.config.mjs', import.meta.url).href
)) as {
  default: { fileAssociations: Association[]; linux: { fileAssociations: Association[] }; protocols: object[] }
}
const MiB = 1024 * 1024
const folder = mkdtempSync(join(tmpdir(), 'glassbox-package-'))
const unpacked = join(folder, 'dist', 'linux-unpacked')
const resources = join(unpacked, 'resources')

// The folder that every Linux package is made of, around a stand-in for Electron's own files.
beforeAll(() => {
  ensureDesktopBuild()
  makeElectronFolder(join(folder, 'electron'))
  const args = ['node_modules/electron-builder/cli.js', '--dir', '--linux', '--x64']
  const options = ['--config', 'build/electron-builder.config.mjs', `-c.directories.output=${join(folder, 'dist')}`]
  const env = { ...process.env, GLASSBOX_ELECTRON_DIST: join(folder, 'electron') }
  const built = spawnSync(process.execPath, [...args, ...options], { cwd: root, env, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(built.stdout + built.stderr)
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('holds what runs and nothing of how it was made', () => {
  const files = listPackage(join(resources, 'app.asar'), { isPack: false }).map((file) => file.replaceAll('\\', '/'))
  for (const file of ['/out/main/index.js', '/out/preload/preload.cjs', '/out/renderer/index.html', '/LICENSE'])
    expect(files).toContain(file)
  const manifest = JSON.parse(String(extractFile(join(resources, 'app.asar'), 'package.json')))
  for (const name of Object.keys(manifest.dependencies)) expect(files).toContain(`/node_modules/${name}/package.json`)
  const strays = files.filter((file) =>
    /\.(map|ts|vue)$|^\/(test|core|renderer|electron|build)\/|node_modules\/(vitest|vite|electron|typescript|vue|echarts)\//.test(
      file,
    ),
  )
  expect(strays).toEqual([])
})

it('keeps native modules outside the archive, and all of it small', () => {
  const outside = join(resources, 'app.asar.unpacked', 'node_modules')
  const native = readdirSync(outside, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.node'))
  expect(native.some((file) => file.includes('better-sqlite3'))).toBe(true)
  const bytes = readdirSync(resources, { recursive: true, encoding: 'utf8' })
    .map((file) => statSync(join(resources, file)))
    .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0)
  expect(bytes).toBeLessThan(60 * MiB)
})

it('has its fuses set', async () => {
  const binary = join(unpacked, 'glassbox')
  expect(existsSync(binary)).toBe(true)
  const fuses = await getCurrentFuseWire(binary)
  expect(fuses).toMatchObject({
    [FuseV1Options.RunAsNode]: FuseState.DISABLE,
    [FuseV1Options.EnableCookieEncryption]: FuseState.ENABLE,
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: FuseState.DISABLE,
    [FuseV1Options.EnableNodeCliInspectArguments]: FuseState.DISABLE,
    [FuseV1Options.EnableEmbeddedAsarIntegrityValidation]: FuseState.ENABLE,
    [FuseV1Options.OnlyLoadAppFromAsar]: FuseState.ENABLE,
    [FuseV1Options.GrantFileProtocolExtraPrivileges]: FuseState.DISABLE,
  })
})

it('registers the files that the shell opens, and its links', () => {
  const associations = [...config.fileAssociations, ...config.linux.fileAssociations]
  expect(associations.map(({ ext }) => ext)).toEqual(expect.arrayContaining(['glassbox', 'otlp.jsonl']))
  for (const { ext, mimeType } of associations) {
    // Without a type Linux registers nothing.
    expect([ext, mimeType]).toEqual([ext, expect.stringMatching(/^application\//)])
    expect(openingsOf([`a.${ext}`], '/')).toHaveLength(1)
  }
  expect(config.protocols).toEqual([{ name: 'Glassbox', schemes: ['glassbox'] }])
})

it("holds to Electron's security list, point by point", () => {
  const checked = spawnSync(process.execPath, ['build/electron-checklist.mjs'], { cwd: root, encoding: 'utf8' })
  expect([checked.status, checked.stdout]).toEqual([0, expect.stringContaining('20 of 20 hold')])
})
