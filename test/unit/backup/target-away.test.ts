import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { archiveName } from '../../../core/backup/targets/archive-name.ts'
import type { Job } from '../../../core/model/job.ts'
import { type S3Server, startS3Server, withTarget } from '../../fixtures/backup-targets.ts'
import { type CutProxy, startCutProxy } from '../../fixtures/postgres-proxy.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'
import { type SftpServer, startSftpServer } from '../../fixtures/sftp-server.ts'
import { endedJob } from '../../fixtures/storage-jobs.ts'

const root = mkdtempSync(join(tmpdir(), 'glassbox-away-'))
const sftpRoot = join(root, 'sftp')
const file = join(root, 'archive')
const content = randomBytes(3_000_000)
const name = archiveName({ createdAt: Date.UTC(2026, 0, 1) * 1000, kind: 'full', archive: 'a'.repeat(32), base: null })
const options = { signal: AbortSignal.timeout(60_000), progress: () => undefined }

let s3: S3Server
let sftp: SftpServer
let s3Proxy: CutProxy
let sftpProxy: CutProxy
let host: RunningHost

beforeAll(async () => {
  writeFileSync(file, content)
  mkdirSync(sftpRoot)
  s3 = await startS3Server(join(root, 's3'))
  sftp = await startSftpServer(sftpRoot)
  s3Proxy = await startCutProxy(s3.port)
  sftpProxy = await startCutProxy(sftp.port)
  host = await startTestHost({ 'sampling.enabled': false })
}, 60_000)
afterAll(async () => {
  await host?.stop()
  await s3Proxy.close()
  await sftpProxy.close()
  await s3.stop()
  await sftp.stop()
  rmSync(root, { recursive: true, force: true })
})

const s3Address = (port: number): string => s3.address('', port)
const sftpAddress = (port: number): string =>
  `sftp://${sftp.user}:${encodeURIComponent(sftp.password)}@127.0.0.1:${port}/kept?hostKey=${encodeURIComponent(sftp.hostKey)}`

it('S3 that is cut off in the middle gets the rest by itself', async () => {
  await withTarget(s3Address(s3Proxy.port), async (target) => {
    const cut = s3Proxy.cutAfter(1_000_000)
    const upload = target.upload(file, name, options)
    await cut
    await upload
    expect(s3Proxy.sent()).toBeGreaterThan(content.length + 400_000)
    const opened = await target.open(name)
    expect(Buffer.from(await opened.read(0, content.length)).equals(content)).toBe(true)
    await target.remove(name)
  })
})

it.each([
  ['S3', () => s3Proxy, s3Address],
  ['SFTP', () => sftpProxy, sftpAddress],
] as const)(
  '%s that stays away is named, without a secret, and the next try is whole',
  async (kind, proxyOf, address) => {
    const proxy = proxyOf()
    await withTarget(address(proxy.port), async (target) => {
      const cut = proxy.cutAfter(1_000_000).then(() => proxy.refuse(true))
      const upload = target.upload(file, name, options)
      await expect(upload).rejects.toMatchObject({
        code: 'backup_target',
        message: expect.stringContaining(`127.0.0.1:${proxy.port}`),
      })
      await expect(upload).rejects.not.toThrow(/S3RVER|password/)
      await cut
      proxy.refuse(false)
      // The S3 server of this test keeps what it got of a cut-off body under the final name, which services do not.
      if (kind === 'SFTP') expect(await target.list()).toEqual([])
      await target.upload(file, name, options)
      expect(await target.list()).toMatchObject([{ name, bytes: content.length }])
      expect(await target.cleanPartials(0)).toBe(0)
      await target.remove(name)
    })
  },
)

it('a backup whose place is cut off goes on there, and says so', async () => {
  const send = (path: string, method: string, body: object): Promise<Job> =>
    host.get<Job>(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
  await send('/api/settings', 'PATCH', { 'backup.targets': [{ name: 'away', address: sftpAddress(sftpProxy.port) }] })
  const now = Date.now()
  const spans = Array.from({ length: 3000 }, (_, i) => ({
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    name: 'kept',
    startTimeUnixNano: `${now}000000`,
    endTimeUnixNano: `${now}${String(i).padStart(6, '0')}`,
    attributes: [{ key: 'noise', value: { stringValue: randomBytes(600).toString('base64') } }],
  }))
  await send('/api/import?name=noise.jsonl', 'POST', { resourceSpans: [{ scopeSpans: [{ spans }] }] })
  const cut = sftpProxy.cutAfter(1_000_000)
  const job = await endedJob(host, (await send('/api/backups', 'POST', { target: 'away' })).id)
  await cut
  expect(job, JSON.stringify(job.error)).toMatchObject({ state: 'done', result: { rows: { traces: 3000 } } })
  expect(job.log.map(({ text }) => text).join()).toContain('goes on')
  const { name: made } = job.result as { name: string }
  expect(readdirSync(join(sftpRoot, 'kept'))).toEqual([made])
  const verify = await send('/api/backups/verify', 'POST', { target: 'away', name: made, deep: true })
  expect((await endedJob(host, verify.id)).state).toBe('done')
}, 60_000)
