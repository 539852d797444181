import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { archiveName, parseArchiveName } from '../../../core/backup/targets/archive-name.ts'
import { openTarget } from '../../../core/backup/targets/open-target.ts'
import { testTarget } from '../../../core/backup/targets/test-target.ts'
import { type S3Server, startS3Server, withTarget } from '../../fixtures/backup-targets.ts'
import { type SftpServer, startSftpServer } from '../../fixtures/sftp-server.ts'

const root = mkdtempSync(join(tmpdir(), 'glassbox-targets-'))
const content = randomBytes(3 * 1024 * 1024 + 17)
const file = join(root, 'archive')
const nameOf = (number: number): string =>
  archiveName({
    createdAt: Date.UTC(2026, 0, 1 + number) * 1000,
    kind: 'full',
    archive: number.toString(16).padStart(32, '0'),
    base: null,
  })
const options = { signal: AbortSignal.timeout(60_000), progress: () => undefined }

let s3: S3Server
let sftp: SftpServer
const sftpRoot = join(root, 'sftp')

beforeAll(async () => {
  writeFileSync(file, content)
  mkdirSync(sftpRoot)
  s3 = await startS3Server(join(root, 's3'))
  sftp = await startSftpServer(sftpRoot)
})
afterAll(async () => {
  await s3.stop()
  await sftp.stop()
  rmSync(root, { recursive: true, force: true })
})

const s3Address = (changes = ''): string => s3.address(changes)
const sftpAddress = (hostKey = sftp.hostKey): string =>
  `sftp://${sftp.user}:${encodeURIComponent(sftp.password)}@127.0.0.1:${sftp.port}/deep/folder?hostKey=${encodeURIComponent(hostKey)}`
const addresses: [string, () => string][] = [
  ['a folder', () => join(root, 'folder')],
  ['S3', s3Address],
  ['SFTP', sftpAddress],
]

describe.each(addresses)('%s', (_name, address) => {
  it('passes its test and leaves nothing behind', async () => {
    await withTarget(address(), async (target) => {
      const { ok, steps } = await testTarget(target)
      expect(steps.filter((step) => !step.ok)).toEqual([])
      expect(ok).toBe(true)
      expect(steps.map(({ name }) => name)).toEqual(['connect', 'write', 'read', 'delete'])
      expect(await target.list()).toEqual([])
    })
  })

  it('keeps an archive, reads it at any place, lists and removes it', async () => {
    await withTarget(address(), async (target) => {
      const name = nameOf(1)
      let told = 0
      await target.upload(file, name, { ...options, progress: (bytes) => (told = bytes) })
      expect(told).toBe(content.length)
      expect(await target.list()).toMatchObject([{ name, bytes: content.length }])
      const opened = await target.open(name)
      expect(opened.size).toBe(content.length)
      for (const [at, length] of [
        [0, 10],
        [1_000_000, 1_500_000],
        [content.length - 5, 100],
      ])
        expect(Buffer.from(await opened.read(at, length)).equals(content.subarray(at, at + length))).toBe(true)
      await opened.close()
      await target.remove(name)
      expect(await target.list()).toEqual([])
      await expect(target.open(name)).rejects.toMatchObject({ code: 'archive_not_found' })
    })
  })

  it('takes no name that leads elsewhere', async () => {
    await withTarget(address(), async (target) => {
      for (const name of ['../evil', '/etc/passwd', `../${nameOf(1)}`, 'a.glassbox', '..\\x', `${nameOf(1)}\0`]) {
        await expect((async () => target.open(name))()).rejects.toMatchObject({ code: 'archive_not_found' })
        await expect((async () => target.remove(name))()).rejects.toMatchObject({ code: 'archive_not_found' })
      }
    })
  })

  it('ends an upload that is cancelled, with nothing under the final name', async () => {
    await withTarget(address(), async (target) => {
      const control = new AbortController()
      const reason = new Error('cancelled')
      const upload = target.upload(file, nameOf(2), { signal: control.signal, progress: () => control.abort(reason) })
      await expect(upload).rejects.toBeDefined()
      expect(await target.list()).toEqual([])
      await target.cleanPartials(0)
    })
  })
})

// A file system that answers "no such file" for a folder whose parent is there.
it.runIf(process.platform === 'linux')('a folder that cannot be made fails its test and does not hang', async () => {
  await withTarget('/proc/no-such-place/backups', async (target) => {
    const { ok, steps } = await testTarget(target)
    expect([ok, steps.map(({ name }) => name)]).toEqual([false, ['connect', 'write']])
    expect(steps[1].error).toContain('/proc/no-such-place')
  })
})

describe('S3 that refuses', () => {
  it.each([
    ['a wrong key', () => s3Address().replace('S3RVER:S3RVER', 'NOBODY:wrong')],
    ['a bucket that is not there', () => s3Address().replace('/backups/', '/nowhere/')],
    ['nobody there', () => s3Address().replace(String(s3.port), '1')],
  ])('%s is named and no secret is told', async (_name, address) => {
    await withTarget(address(), async (target) => {
      const { ok, steps } = await testTarget(target)
      expect(ok).toBe(false)
      expect(steps[0].error).toContain('127.0.0.1')
      expect(JSON.stringify(steps)).not.toContain('wrong')
    })
  })

  it('lists only archives', async () => {
    const client = new S3Client({
      endpoint: `http://127.0.0.1:${s3.port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    })
    await client.send(new PutObjectCommand({ Bucket: 'backups', Key: 'team/notes.txt', Body: 'x' }))
    await client
      .send(new PutObjectCommand({ Bucket: 'backups', Key: 'team/../../evil', Body: 'x' }))
      .catch(() => undefined)
    await withTarget(s3Address(), async (target) => expect(await target.list()).toEqual([]))
    client.destroy()
  })
})

describe('SFTP that refuses', () => {
  it('sends nothing to a host it does not know, and names its key', async () => {
    for (const known of ['', 'SHA256:other']) {
      const address = known === '' ? sftpAddress().replace(/\?.*/, '') : sftpAddress(known)
      await withTarget(address, async (target) => {
        const { ok, steps } = await testTarget(target)
        expect(ok).toBe(false)
        expect(steps[0].error).toContain(sftp.hostKey)
      })
    }
  })

  it('says a wrong password', async () => {
    await withTarget(sftpAddress().replace(encodeURIComponent(sftp.password), 'no'), async (target) => {
      await expect(target.list()).rejects.toMatchObject({
        code: 'backup_target',
        message: expect.stringContaining('refused the login'),
      })
    })
  })

  it('goes on where an upload was cut off', async () => {
    const name = nameOf(3)
    sftp.cutAfter = sftp.written + 2_000_000
    await withTarget(sftpAddress(), async (target) => {
      await expect(target.upload(file, name, options)).rejects.toMatchObject({ code: 'backup_target' })
      expect(await target.list()).toEqual([])
      const before = sftp.written
      await target.upload(file, name, options)
      expect(sftp.written - before).toBeLessThan(content.length - 1_000_000)
      expect(readFileSync(join(sftpRoot, 'deep/folder', name)).equals(content)).toBe(true)
      await target.remove(name)
    })
  })

  it('is stopped at once, also while the server is silent', async () => {
    const stopping = new AbortController()
    sftp.holdAfter = 200_000
    await withTarget(sftpAddress(), async (target) => {
      const upload = target.upload(file, nameOf(5), { ...options, signal: stopping.signal })
      const stopped = expect(upload).rejects.toThrow('enough of it')
      await expect.poll(() => sftp.held, { timeout: 20_000 }).toBeGreaterThan(0)
      stopping.abort(new Error('enough of it'))
      await stopped
      sftp.holdAfter = null
      await target.upload(file, nameOf(5), options)
      await target.remove(nameOf(5))
    })
  })

  it('says that the target is full, and cleans up later', async () => {
    sftp.fullAfter = sftp.written + 100_000
    await withTarget(sftpAddress(), async (target) => {
      await expect(target.upload(file, nameOf(4), options)).rejects.toMatchObject({ code: 'backup_target' })
      sftp.fullAfter = null
      expect(await target.list()).toEqual([])
      expect(await target.cleanPartials(3_600_000)).toBe(0)
      const folder = join(sftpRoot, 'deep/folder')
      const left = readdirSync(folder).filter((one) => one.endsWith('.partial'))
      expect(left.length).toBe(1)
      utimesSync(join(folder, left[0]), 1, 1)
      expect(await target.cleanPartials(3_600_000)).toBe(1)
      expect(existsSync(join(folder, left[0]))).toBe(false)
    })
  })
})

describe('names and addresses', () => {
  it('are read back, and nothing else is', () => {
    const name = archiveName({
      createdAt: Date.UTC(2026, 10, 30, 2) * 1000,
      kind: 'incremental',
      archive: 'ab'.repeat(16),
      base: { archive: 'cd'.repeat(16) },
    })
    expect(name).toBe('glassbox-20261130T020000Z-incremental-abababababab-on-cdcdcdcdcdcd.glassbox')
    expect(parseArchiveName(name)).toEqual({
      createdAt: Date.UTC(2026, 10, 30, 2) * 1000,
      kind: 'incremental',
      id: 'abababababab',
      base: 'cdcdcdcdcdcd',
    })
    for (const bad of [
      '',
      'x',
      `${name}/..`,
      name.replace('-on-cdcdcdcdcdcd', ''),
      name.replace('incremental', 'full'),
      `${name} `,
    ])
      expect(parseArchiveName(bad)).toBeNull()
  })

  it('of no known kind are refused with how to write them', async () => {
    for (const bad of ['ftp://x/y', 's3://', 's3://key:secret@host', 'sftp://host/x', 'sftp://', ''])
      await expect((async () => openTarget(bad))()).rejects.toMatchObject({ code: 'bad_setting' })
  })
})
