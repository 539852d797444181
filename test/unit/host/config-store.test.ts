import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { InstanceLock, readInstance } from '../../../core/base/instance-lock.ts'
import { ConfigStore } from '../../../core/config/config-store.ts'
import { loadSettings } from '../../../core/config/load-settings.ts'
import { StopStack } from '../../../core/stop-stack.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-config-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

const load = (flags = {}, environment = {}) => loadSettings({ dataDir, flags, environment })
const open = ({ settings, sources } = load()) => new ConfigStore(dataDir, settings, sources)

it('lays flags over environment over saved over default, and says which', async () => {
  const store = open()
  await store.patch({ 'server.apiPort': 1, 'server.otlpPort': 2, 'pipeline.queueLimit': 77 })
  await store.close()
  const { settings, sources } = load(
    { apiPort: '3' },
    { GLASSBOX_API_PORT: '4', GLASSBOX_OTLP_PORT: '5', GLASSBOX_LOG_LEVEL: 'warn' },
  )
  expect(settings.server).toMatchObject({ apiPort: 3, otlpPort: 5, otlpGrpcPort: 4317 })
  expect(settings.pipeline.queueLimit).toBe(77)
  expect(sources).toEqual({
    'server.apiPort': 'flag',
    'server.otlpPort': 'environment',
    'pipeline.queueLimit': 'saved',
    'log.level': 'environment',
  })
})

it('names the flag or variable that is wrong', () => {
  expect(() => load({ otlpGrpcPort: 'x' })).toThrow(/--otlp-grpc-port: server\.otlpGrpcPort/)
  expect(() => load({}, { GLASSBOX_ENGINE: 'oracle' })).toThrow(/GLASSBOX_ENGINE: storage\.engine/)
})

it('saves all changes or none, tells who listens, and keeps what a flag sets', async () => {
  const store = open(load({ apiPort: '0' }))
  const seen: number[] = []
  const stop = store.subscribe((settings) => seen.push(settings.retention.logs.days))
  await expect(store.patch({ 'retention.logs.days': 3, 'pipeline.queueLimit': 0 })).rejects.toThrow(
    /pipeline\.queueLimit/,
  )
  await expect(store.patch({ __proto__x: 1 })).rejects.toThrow(/there is no setting/)
  expect(store.now().retention.logs.days).toBe(7)
  const answer = await store.patch({ 'retention.logs.days': 3, 'server.apiPort': 9 })
  stop()
  expect(answer['retention.logs.days']).toEqual({ value: 3, default: 7, source: 'saved' })
  expect(answer['server.apiPort']).toEqual({ value: 0, default: 4380, source: 'flag' })
  expect(seen).toEqual([3])
  await store.close()
  expect(load().settings.server.apiPort).toBe(9)
})

it('saves changes one after the other and refuses them while the disk cannot', async () => {
  const store = open()
  const answers = await Promise.all([1, 2, 3, 4].map((days) => store.patch({ 'retention.logs.days': days })))
  expect(answers.map((answer) => answer['retention.logs.days'].value)).toEqual([1, 2, 3, 4])
  const lock = new Database(join(dataDir, 'glassbox.db'))
  lock.exec('drop table setting')
  await expect(store.patch({ 'retention.logs.days': 5 })).rejects.toMatchObject({ code: 'storage_unavailable' })
  expect(store.now().retention.logs.days).toBe(4)
  lock.close()
  await store.close()
})

it('never resets damaged settings', async () => {
  await open().close()
  const file = join(dataDir, 'glassbox.db')
  writeFileSync(file, 'not a database at all '.repeat(500))
  const damaged = readFileSync(file)
  expect(() => load()).toThrow(/holds the settings and cannot be read/)
  expect(readFileSync(file).equals(damaged)).toBe(true)
})

it('gives each service a colour slot for good', async () => {
  const store = open()
  const first = store.serviceColors(['a', 'b'])
  expect(first).toEqual({ a: 0, b: 1 })
  await store.close()
  const again = open()
  expect(again.serviceColors(['c', 'b', 'a'])).toEqual({ a: 0, b: 1, c: 2 })
  await again.close()
})

it('one lock a data directory; the second hears who has it', async () => {
  const folder = join(dataDir, 'new', 'data')
  const lock = await InstanceLock.acquire(folder)
  lock.announce('http://127.0.0.1:4380')
  expect(statSync(folder).mode & 0o777).toBe(0o700)
  await expect(InstanceLock.acquire(folder)).rejects.toMatchObject({
    code: 'already_running',
    message: expect.stringContaining(`process ${process.pid}, http://127.0.0.1:4380`),
  })
  lock.release()
  expect(readInstance(folder)).toBeNull()
  const next = await InstanceLock.acquire(folder)
  next.release()
})

it('a data directory that cannot be made is one sentence', async () => {
  writeFileSync(join(dataDir, 'file'), '')
  await expect(InstanceLock.acquire(join(dataDir, 'file', 'data'))).rejects.toMatchObject({
    code: 'storage_unavailable',
  })
})

it('stops parts in reverse order, also past one that fails', async () => {
  const order: string[] = []
  const parts = new StopStack()
  parts.onFailure = (part, error) => order.push(`${part}: ${error.message}`)
  parts.add('a', () => order.push('a'))
  parts.add('b', () => Promise.reject(new Error('stuck')))
  parts.add('c', () => order.push('c'))
  await parts.stopAll()
  await parts.stopAll()
  expect(order).toEqual(['c', 'b: stuck', 'a'])
})
