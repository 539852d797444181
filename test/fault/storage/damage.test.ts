import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { machineClock } from '../../../core/storage/sqlite/machine-clock.ts'
import { Writer } from '../../../core/storage/sqlite/writer.ts'
import { seededRandom } from '../../demo/shop.ts'
import { spanBatch } from '../../unit/storage-read/spans.ts'

const LONG = process.env.GLASSBOX_LONG === '1'
const SEED = Number(process.env.GLASSBOX_SEED ?? (LONG ? Date.now() % 1e9 : 12))
const random = seededRandom(SEED)
const PAGE = 16_384
const PER_WRITE = 100
const T0 = Date.UTC(2026, 0, 15) * 1000

let folder = ''
/** A database as a crash leaves it: the file, its WAL, and after each write how many commits the WAL had. */
let crashed: { db: Buffer; wal: Buffer; shm: Buffer; commitsAfter: number[] }
let cases = 0

const openWriter = (dataDir: string) =>
  new Writer({ dataDir, reserveBytes: 100_000_000 }, machineClock(), () => undefined)

function write(writer: Writer, from: number, count = PER_WRITE): void {
  const spans = Array.from({ length: count }, (_, i) => ({
    ...{ trace: from + i, span: from + i, parent: 0, service: 's', name: 'n', kind: 0, status: 0 },
    ...{ start: T0 + from + i, dur: 1, attributes: { noise: `${random()}${random()}${random()}` } },
  }))
  writer.write([spanBatch(spans, Date.now() * 1000)], [])
}

/** Commits of a WAL cut at `length` bytes: frames whose header has a database size end one. */
function commitsIn(wal: Buffer, length = wal.length): number {
  let commits = 0
  for (let at = 32; at + 24 + PAGE <= length; at += 24 + PAGE) if (wal.readUInt32BE(at + 4) !== 0) commits++
  return commits
}

beforeAll(() => {
  process.stdout.write(`seed ${SEED}\n`)
  folder = mkdtempSync(join(tmpdir(), 'glassbox-damage-'))
  const dataDir = join(folder, 'base')
  const writer = openWriter(dataDir)
  const file = (suffix: string): Buffer => readFileSync(join(dataDir, `auxiliary.db${suffix}`))
  const commitsAfter: number[] = []
  for (let i = 0; i < 40; i++) {
    write(writer, 1 + i * PER_WRITE)
    commitsAfter.push(commitsIn(file('-wal')))
  }
  crashed = { db: file(''), wal: file('-wal'), shm: file('-shm'), commitsAfter }
  writer.stop()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Lays the files down, starts on them, writes ten more spans and answers what was found. */
function start(files: { db?: Buffer; wal?: Buffer; shm?: Buffer }): { found: number; quarantined: string | null } {
  const dataDir = join(folder, `case-${++cases}`)
  mkdirSync(dataDir)
  for (const [suffix, bytes] of [
    ['', files.db],
    ['-wal', files.wal],
    ['-shm', files.shm],
  ] as const)
    if (bytes) writeFileSync(join(dataDir, `auxiliary.db${suffix}`), bytes)
  const writer = openWriter(dataDir)
  const { quarantined } = writer.opened()
  const found = writer.stats().spans
  write(writer, 1_000_000, 10)
  expect(writer.stats()).toMatchObject({ spans: found + 10, mode: 'normal' })
  writer.stop()
  if (quarantined) {
    // Kept, with what lay beside it.
    expect(readdirSync(dataDir).filter((name) => name.startsWith('auxiliary.db.corrupt-')).length).toBeGreaterThan(0)
    expect(existsSync(quarantined)).toBe(true)
  }
  rmSync(dataDir, { recursive: true })
  return { found, quarantined }
}

/** How many spans the WAL's first `length` bytes hold in whole commits. */
function spansUpTo(length: number): number {
  const commits = commitsIn(crashed.wal, length)
  return crashed.commitsAfter.filter((after) => after <= commits).length * PER_WRITE
}

// Experiment 12.
it('keeps every commit before the place where the WAL is torn, to the span', () => {
  const steps = LONG ? 200 : 50
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i <= steps; i++) {
    const length = Math.floor((crashed.wal.length * i) / steps)
    const wal = crashed.wal.subarray(0, length)
    const expected = spansUpTo(length)
    expect(start({ db: crashed.db, wal, shm: i % 2 ? crashed.shm : undefined })).toEqual({
      found: expected,
      quarantined: null,
    })
    least = Math.min(least, expected)
  }
  expect(least).toBe(0)
  expect(spansUpTo(crashed.wal.length)).toBe(40 * PER_WRITE)
}, 300_000)

it.each([
  ['a garbage tail', () => ({ wal: Buffer.concat([crashed.wal, noise(PAGE * 3)]) }), 40],
  ['no -shm', () => ({ wal: crashed.wal, shm: undefined }), 40],
  ['a garbage -shm', () => ({ wal: crashed.wal, shm: noise(32_768) }), 40],
  ['an empty -shm', () => ({ wal: crashed.wal, shm: Buffer.alloc(0) }), 40],
  ['no WAL', () => ({ wal: undefined }), 0],
  ['a garbage WAL', () => ({ wal: noise(PAGE * 20) }), 0],
  ['a WAL without its file', () => ({ db: undefined, wal: crashed.wal }), 0],
])('starts with %s', (_, change, writes) => {
  const { found, quarantined } = start({ db: crashed.db, shm: crashed.shm, ...change() })
  expect([found, quarantined]).toEqual([writes * PER_WRITE, null])
})

it('starts with the WAL of another database, and says so if that did damage', () => {
  const dataDir = join(folder, 'other')
  const other = openWriter(dataDir)
  for (let i = 0; i < 10; i++) write(other, 1 + i * PER_WRITE)
  const wal = readFileSync(join(dataDir, 'auxiliary.db-wal'))
  other.stop()
  const { found, quarantined } = start({ db: crashed.db, wal })
  expect(quarantined === null ? [0, 10 * PER_WRITE] : [0]).toContain(found)
})

function noise(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, () => Math.floor(random() * 256)))
}

/** One file with everything in it, nothing in a WAL. */
function wholeFile(): Buffer {
  const dataDir = join(folder, 'whole')
  if (!existsSync(dataDir)) {
    mkdirSync(dataDir)
    writeFileSync(join(dataDir, 'auxiliary.db'), crashed.db)
    writeFileSync(join(dataDir, 'auxiliary.db-wal'), crashed.wal)
    // Not by the writer: its mark of a clean stop would spare the next start the look through the file.
    const db = new Database(join(dataDir, 'auxiliary.db'))
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.close()
  }
  return readFileSync(join(dataDir, 'auxiliary.db'))
}

// Experiment 11, for telemetry: an unclean stop, then damage.
it('starts on a file damaged in any way, moves aside what SQLite finds damaged, and never crashes', () => {
  const whole = wholeFile()
  const copy = (change: (bytes: Buffer) => Buffer): Buffer => change(Buffer.from(whole))
  const damaged: [what: string, Buffer][] = [
    ['header', copy((bytes) => bytes.fill(0xff, 0, 100))],
    ['cut to half', copy((bytes) => bytes.subarray(0, bytes.length >> 1))],
    ['cut to a byte', copy((bytes) => bytes.subarray(0, 1))],
    ['cut to nothing', Buffer.alloc(0)],
    ['only noise', noise(whole.length)],
  ]
  for (let i = 0; i < (LONG ? 400 : 12); i++) {
    const at = Math.floor(random() * whole.length)
    damaged.push([
      `a bit at ${at}`,
      copy((bytes) => {
        bytes[at] ^= 1 << Math.floor(random() * 8)
        return bytes
      }),
    ])
  }
  for (let i = 0; i < (LONG ? 100 : 6); i++) {
    const at = Math.floor(random() * (whole.length / 4096)) * 4096
    damaged.push([`4 KiB of zeros at ${at}`, copy((bytes) => bytes.fill(0, at, at + 4096))])
  }
  let quarantines = 0
  for (const [what, bytes] of damaged) {
    const dataDir = join(folder, `damage-${++cases}`)
    mkdirSync(dataDir)
    const path = join(dataDir, 'auxiliary.db')
    writeFileSync(path, bytes)
    const writer = openWriter(dataDir)
    const { quarantined } = writer.opened()
    if (quarantined) {
      quarantines++
      // Never silently empty: what was there is kept as it was.
      expect(readFileSync(quarantined).length, what).toBe(bytes.length)
    }
    const { spans } = writer.stats()
    expect(quarantined ? [0] : [0, 40 * PER_WRITE], what).toContain(spans)
    if (spans === 0 && bytes.length > 1) expect(quarantined, what).not.toBeNull()
    write(writer, 1_000_000, 10)
    writer.compact()
    // A block found damaged while it was merged is set aside and counted, whole.
    const after = writer.stats()
    expect(after.spans + (after.damaged?.rows ?? 0), what).toBe(spans + 10)
    writer.stop()
    rmSync(dataDir, { recursive: true })
  }
  expect(quarantines).toBeGreaterThan(4)
}, 600_000)
