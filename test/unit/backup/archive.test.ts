import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import type { ArchiveSecret } from '../../../core/backup/archive/archive-key.ts'
import { ArchiveReader } from '../../../core/backup/archive/archive-reader.ts'
import { ArchiveWriter } from '../../../core/backup/archive/archive-writer.ts'
import type { RandomFile } from '../../../core/backup/archive/container-reader.ts'
import { ContainerWriter } from '../../../core/backup/archive/container-writer.ts'
import { decodePart } from '../../../core/backup/archive/decode-part.ts'
import { digestOf, type Manifest } from '../../../core/backup/archive/manifest.ts'
import { stageTelemetry } from '../../../core/backup/operations.ts'
import { everything } from '../../../core/backup/restore-telemetry.ts'
import type { GlassboxError } from '../../../core/base/errors.ts'
import type { SeriesSamples } from '../../../core/model/series.ts'
import { logBatch, randomTelemetry, spanBatch } from '../../conformance/telemetry-rows.ts'
import { seededRandom } from '../../demo/shop.ts'
import { rowTexts } from '../../fixtures/row-texts.ts'

const about: Parameters<ArchiveWriter['finish']>[0] = {
  kind: 'full',
  product: '0.1.0',
  engine: 'sqlite',
  base: null,
  position: null,
  days: [],
  warnings: [],
}
const password: ArchiveSecret = { password: 'correct horse' }

const histogram = {
  schema: 3,
  counterReset: 'unknown',
  zeroThreshold: 0.001,
  zeroCount: 1,
  count: 4,
  sum: Number.NaN,
  positive: { spans: [{ offset: 0, length: 2 }], counts: [1, 2] },
  negative: { spans: [], counts: [] },
  customValues: null,
} as const

const series: SeriesSamples[] = [
  {
    labels: [
      ['__name__', 'up'],
      ['job', 'a'],
    ],
    times: Float64Array.of(1000, 2000, 3000, 4000),
    values: Float64Array.of(1, Number.NaN, Number.POSITIVE_INFINITY, -0),
    kinds: null,
    histograms: null,
  },
  {
    labels: [['__name__', 'request_seconds']],
    times: Float64Array.of(1000, 2000, 3000),
    values: Float64Array.of(0.25, Number.NaN, Number.NaN),
    kinds: Uint8Array.of(0, 1, 2),
    histograms: [null, null, structuredClone(histogram) as never],
  },
]

async function archiveOf(
  seed: number,
  secret: ArchiveSecret | null,
  count = 300,
): Promise<{ bytes: Buffer; manifest: Manifest }> {
  const pieces: Buffer[] = []
  const writer = await ArchiveWriter.begin(
    async (bytes) => void pieces.push(Buffer.from(bytes)),
    secret,
    1_700_000_000_000_000,
  )
  const { spans, logs } = randomTelemetry(seed, count)
  for (let at = 0; at < count; at += 100) {
    await writer.spans(spanBatch(spans.slice(at, at + 100)))
    await writer.logs(logBatch(logs.slice(at, at + 100)))
  }
  await writer.samples(series)
  await writer.lines('metadata', [{ metric: 'up', type: 'gauge', unit: '', help: 'h' }])
  await writer.lines('config', [{ key: 'log.level', value: '"info"' }], 'setting')
  const manifest = await writer.finish(about)
  return { bytes: Buffer.concat(pieces), manifest }
}

const fileOf = (bytes: Uint8Array): RandomFile => ({
  size: bytes.length,
  read: async (offset, length) => bytes.subarray(offset, offset + length),
})

/** Reads everything and decodes it, as a verification does. */
async function readAll(bytes: Uint8Array, secret: ArchiveSecret | null) {
  const reader = await ArchiveReader.open(fileOf(bytes), secret)
  const parts = []
  for await (const { entry, body } of reader.all()) parts.push(decodePart(entry, body))
  return { manifest: reader.manifest, parts }
}

/** A file whose manifest is what is given. */
async function withManifest(packed: Buffer, raw: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  const out = new ContainerWriter(async (bytes) => void pieces.push(Buffer.from(bytes)), null)
  await out.begin({ archive: 'b'.repeat(32), createdAt: 1, chunkBytes: 1, encryption: null })
  const place = out.place()
  const head = Buffer.from(JSON.stringify({ kind: 'manifest', rows: 1, raw, stored: packed.length }))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(head.length)
  await out.write(Buffer.concat([length, head, packed]))
  await out.finish(place)
  return Buffer.concat(pieces)
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work
    return 'nothing'
  } catch (error) {
    return (error as GlassboxError).code
  }
}

const folder = mkdtempSync(join(tmpdir(), 'glassbox-archive-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('an archive', () => {
  it.each([
    ['in the clear', null],
    ['with a password', password],
    ['with a key file', { keyFile: Buffer.alloc(32, 7) }],
  ])('gives back every value of hostile telemetry, %s', async (_name, secret) => {
    for (const seed of [1, 2, 3]) {
      const { spans, logs } = randomTelemetry(seed, 300)
      const { bytes } = await archiveOf(seed, secret)
      const { parts } = await readAll(bytes, secret)
      const zeros = new Uint32Array(1000)
      const rows = { traces: [] as string[], logs: [] as string[] }
      for (const part of parts) {
        if (part.kind === 'spans') rows.traces.push(...rowTexts({ ...part.batch, receivedUs: 0 }, zeros))
        if (part.kind === 'logs') rows.logs.push(...rowTexts({ ...part.batch, receivedUs: 0 }, zeros))
      }
      expect(rows.traces.sort()).toEqual(rowTexts({ ...spanBatch(spans), receivedUs: 0 }, zeros))
      expect(rows.logs.sort()).toEqual(rowTexts({ ...logBatch(logs), receivedUs: 0 }, zeros))
    }
  })

  it('gives back samples of every kind', async () => {
    const { parts } = await readAll((await archiveOf(1, null)).bytes, null)
    const part = parts.find(({ kind }) => kind === 'samples')
    if (part?.kind !== 'samples') throw new Error('no samples')
    const { batch } = part
    expect(batch.series).toEqual(series.map(({ labels }) => labels))
    expect([...batch.times]).toEqual([1000, 2000, 3000, 4000, 1000, 2000, 3000])
    expect([...batch.kinds]).toEqual([0, 0, 0, 0, 0, 1, 2])
    expect([...batch.values].slice(0, 5)).toEqual([1, Number.NaN, Number.POSITIVE_INFINITY, -0, 0.25])
    expect([...batch.histograms]).toEqual([[6, histogram]])
  })

  it('is the same file to everybody who knows the page: sizes and places of the manifest hold', async () => {
    const { bytes, manifest } = await archiveOf(5, null)
    for (const { offset, chunk } of manifest.parts) expect([offset > 0, chunk >= 0]).toEqual([true, true])
    expect(bytes.subarray(-8).toString('latin1')).toBe('GBXEND\r\n')
    expect(bytes.subarray(1, 4).toString('latin1')).toBe('GBX')
  })

  it('hides what it holds when encrypted', async () => {
    const { bytes } = await archiveOf(4, password)
    expect(bytes.includes('log.level')).toBe(false)
    expect(bytes.includes('shop')).toBe(false)
  })
})

describe('a bad archive', () => {
  it('finds a flipped bit anywhere, 1,000 places', async () => {
    const seed = 20_261_130
    const random = seededRandom(seed)
    const plain = (await archiveOf(9, null)).bytes
    const sealed = (await archiveOf(9, { keyFile: Buffer.alloc(32, 1) })).bytes
    const found: Record<string, number> = {}
    for (let i = 0; i < 1000; i++) {
      const bytes = Buffer.from(i % 2 === 0 ? plain : sealed)
      // Each field of the header and of the end in turn, then anywhere.
      const at = i < 300 ? i : i < 380 ? bytes.length - 1 - (i - 300) : Math.floor(random() * bytes.length)
      bytes[at] ^= 1 << Math.floor(random() * 8)
      const code = await failure(readAll(bytes, i % 2 === 0 ? null : { keyFile: Buffer.alloc(32, 1) }))
      found[code] = (found[code] ?? 0) + 1
      expect(code, `seed ${seed}, byte ${at}`).toBe('archive_damaged')
    }
    expect(found).toEqual({ archive_damaged: 1000 })
  })

  it('finds it cut off at any length, lengthened, and with chunks that changed places', async () => {
    const { bytes, manifest } = await archiveOf(2, null)
    for (let i = 0; i < 60; i++) {
      const length = Math.floor((bytes.length * i) / 60)
      expect(await failure(readAll(bytes.subarray(0, length), null)), `cut at ${length}`).toBe('archive_damaged')
    }
    expect(await failure(readAll(Buffer.concat([bytes, Buffer.from('x')]), null))).toBe('archive_damaged')
    const [first, second, third] = manifest.parts
    const swapped = Buffer.concat([
      bytes.subarray(0, first.offset),
      bytes.subarray(second.offset, third.offset),
      bytes.subarray(first.offset, second.offset),
      bytes.subarray(third.offset),
    ])
    expect(await failure(readAll(swapped, null))).toBe('archive_damaged')
  })

  it('does not take a part of another archive', async () => {
    const one = await archiveOf(2, { keyFile: Buffer.alloc(32, 1) })
    const other = await archiveOf(2, { keyFile: Buffer.alloc(32, 1) })
    const [a, b] = [one.manifest.parts, other.manifest.parts]
    const mixed = Buffer.from(one.bytes)
    other.bytes.copy(
      mixed,
      a[0].offset,
      b[0].offset,
      b[0].offset + Math.min(a[1].offset - a[0].offset, b[1].offset - b[0].offset),
    )
    expect(await failure(readAll(mixed, { keyFile: Buffer.alloc(32, 1) }))).toBe('archive_damaged')
  })

  it('tells a wrong password from damage', async () => {
    const { bytes } = await archiveOf(2, password)
    expect(await failure(readAll(bytes, { password: 'wrong' }))).toBe('archive_password')
    expect(await failure(readAll(bytes, { password: '' }))).toBe('archive_password')
    expect(await failure(readAll(bytes, null))).toBe('archive_password')
    expect(await failure(readAll(bytes, { keyFile: Buffer.alloc(32) }))).toBe('archive_password')
  })

  it('opens with the same password in another Unicode form', async () => {
    const { bytes } = await archiveOf(2, { password: 'p\u00e4ss' })
    expect((await readAll(bytes, { password: 'pa\u0308ss' })).parts.length).toBeGreaterThan(0)
  })

  it('refuses a newer format politely, and a header that asks for too much', async () => {
    const { bytes } = await archiveOf(2, null)
    const { createHash } = await import('node:crypto')
    const length = bytes.readUInt32LE(10)
    const newer = Buffer.from(bytes)
    newer.writeUInt16LE(2, 8)
    createHash('sha256')
      .update(newer.subarray(0, 14 + length))
      .digest()
      .copy(newer, 14 + length)
    expect(await failure(readAll(newer, null))).toBe('archive_version')
    const greedy = Buffer.from(
      JSON.stringify({
        archive: 'a'.repeat(32),
        createdAt: 1,
        chunkBytes: 1,
        encryption: {
          cipher: 'aes-256-gcm',
          from: 'password',
          salt: '0'.repeat(32),
          n: 2 ** 30,
          r: 8,
          p: 1,
          check: '',
        },
      }),
    )
    const fixed = Buffer.from(bytes.subarray(0, 14))
    fixed.writeUInt32LE(greedy.length, 10)
    const head = Buffer.concat([fixed, greedy])
    const asked = Buffer.concat([head, createHash('sha256').update(head).digest(), bytes.subarray(14 + length + 32)])
    expect(await failure(readAll(asked, password))).toBe('archive_damaged')
  })

  it('is not blown up by a bomb', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024))
    expect(await failure(readAll(await withManifest(bomb, 1000), null))).toBe('archive_damaged')
  })

  it('is told to be larger than what is free before anything of it is read', async () => {
    const most = 96 * 1024 * 1024
    const part = { kind: 'spans', offset: 0, chunk: 0, stored: most, raw: most, rows: 1, sha256: '0'.repeat(64) }
    const parts = Array.from({ length: 20_000 }, () => ({ ...part, first: 0, last: 0, services: null }))
    const digest = digestOf(parts as Manifest['parts'])
    const manifest = { ...about, format: 1, archive: 'b'.repeat(32), createdAt: 1, parts, digest }
    const body = Buffer.from(JSON.stringify(manifest))
    const file = join(folder, 'huge.glassbox')
    writeFileSync(file, await withManifest(zstdCompressSync(body), body.length))
    const stage = join(folder, 'stage')
    mkdirSync(stage)
    const order = { places: [{ file }], secret: null, selection: everything, folder: stage, before: null }
    const hooks = { signal: AbortSignal.timeout(60_000), progress: () => undefined }
    expect(await failure(stageTelemetry(order, hooks))).toBe('backup_no_space')
    expect(readdirSync(stage)).toEqual([])
  })
})

it('reads from a file as from memory', async () => {
  const { openArchiveFile } = await import('../../../core/backup/archive/archive-reader.ts')
  const { bytes, manifest } = await archiveOf(6, null)
  const path = join(folder, 'a.glassbox')
  writeFileSync(path, bytes)
  const file = await openArchiveFile(path)
  const reader = await ArchiveReader.open(file, null)
  expect(reader.manifest.digest).toBe(manifest.digest)
  await file.close()
  expect(readFileSync(path).length).toBe(file.size)
  expect(await failure(openArchiveFile(join(folder, 'none')))).toBe('archive_not_found')
})
