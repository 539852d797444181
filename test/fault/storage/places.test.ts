import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { StorageProcess } from './storage-process.ts'

const NOBODY = 65_534
/** Rights of files do not bind root: the engine runs as somebody else then, where that one can read this checkout. */
const isRoot = process.getuid?.() === 0
const bound =
  !isRoot ||
  spawnSync(process.execPath, [new URL('../../../core/storage/sqlite/store.ts', import.meta.url).pathname], {
    uid: NOBODY,
    gid: NOBODY,
  }).status === 0
const mountsOwn = spawnSync('unshare', ['-rm', 'true']).status === 0
let folder = ''
let storage: StorageProcess | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-place-'))
})
afterEach(async () => {
  await storage?.kill()
  storage = null
  rmSync(folder, { recursive: true, force: true })
})

/** Opens, writes, stops and reads again after a new start. */
async function works(dataDir: string): Promise<void> {
  for (const from of [1, 101]) {
    storage = await StorageProcess.start({ dataDir })
    await storage.ask('open')
    expect(await storage.write(from, 100)).toMatchObject({ storedSpans: 100, storedLogs: 100 })
    expect((await storage.ids()).spans).toHaveLength(from + 99)
    await storage.ask('stop')
    await storage.end()
    storage = null
  }
}

// Experiment 10.
it.each([
  ['spaces and CJK', join('my data dir', '数据目录')],
  ['quotes and a question mark', `it's "here"?mode=ro#x`],
  ['255 bytes', 'x'.repeat(255)],
])('works in a folder whose path has %s', async (_, name) => {
  await works(join(folder, name))
})

const refused = { code: 'storage_unavailable', hint: expect.stringContaining('data directory') }

it.runIf(mountsOwn).each([
  ['an empty folder', false],
  ['a folder with telemetry', true],
])('says that it cannot write on a read-only disk: %s', async (_, used) => {
  const dataDir = join(folder, 'data')
  if (used) await works(dataDir)
  else mkdirSync(dataDir)
  const before = readdirSync(dataDir).sort()
  storage = await StorageProcess.start({
    dataDir,
    mount: `mount --bind '${folder}' '${folder}' && mount -o remount,bind,ro '${folder}'`,
  })
  await expect(storage.ask('open')).rejects.toMatchObject(refused)
  // No half-made folder, nothing moved aside.
  expect(readdirSync(dataDir).sort()).toEqual(before)
})

it('says that a file stands where the folder should be', async () => {
  const dataDir = join(folder, 'file')
  writeFileSync(dataDir, 'mine')
  storage = await StorageProcess.start({ dataDir })
  await expect(storage.ask('open')).rejects.toMatchObject(refused)
})

it('goes on when its folder is deleted while it runs, and is whole again when that ends', async () => {
  const dataDir = join(folder, 'data')
  storage = await StorageProcess.start({ dataDir })
  await storage.ask('open')
  expect(await storage.write(1, 100)).toMatchObject({ storedSpans: 100 })
  rmSync(dataDir, { recursive: true })
  const stored: number[] = []
  let next = 101
  // Writes go into the deleted file until that is noticed.
  while (!existsSync(join(dataDir, 'auxiliary.db'))) {
    expect(await storage.write(next, 10)).not.toBeNull()
    next += 10
  }
  for (let i = 0; i < 5; i++) {
    expect(await storage.write(next, 10)).not.toBeNull()
    for (let at = 0; at < 10; at++) stored.push(next++)
  }
  expect((await storage.stats()).mode).toBe('normal')
  expect((await storage.ids()).spans).toEqual(expect.arrayContaining(stored))
  expect(await storage.problems()).toContainEqual(expect.stringContaining('is gone'))
  await storage.kill()
  storage = await StorageProcess.start({ dataDir })
  await storage.ask('open')
  expect((await storage.ids()).spans).toEqual(expect.arrayContaining(stored))
})

/** A data folder that binds the engine in it by its rights. */
class OwnedFolder {
  readonly dataDir = join(folder, 'data')
  readonly user = isRoot ? NOBODY : undefined
  readonly stored: number[] = []
  #next = 1

  constructor() {
    mkdirSync(this.dataDir)
    if (!isRoot) return
    chmodSync(folder, 0o755)
    chownSync(this.dataDir, NOBODY, NOBODY)
  }

  async open(): Promise<StorageProcess> {
    storage = await StorageProcess.start({ dataDir: this.dataDir, user: this.user })
    await storage.ask('open')
    return storage
  }

  /** Writes fifty rows; whether they were stored. */
  async write(): Promise<boolean> {
    const from = this.#next
    this.#next += 50
    const result = await (storage as StorageProcess).write(from, 50)
    if (result) for (let at = from; at < this.#next; at++) this.stored.push(at)
    return result !== null
  }

  readOnly(): void {
    for (const file of this.#files()) chmodSync(file, 0o444)
    chmodSync(this.dataDir, 0o555)
  }

  writable(): void {
    chmodSync(this.dataDir, 0o755)
    for (const file of this.#files()) chmodSync(file, 0o644)
  }

  #files(): string[] {
    return readdirSync(this.dataDir).map((name) => join(this.dataDir, name))
  }
}

// Experiment 10, made so while it runs.
it.runIf(bound)(
  'loses nothing that it answered when its folder is made read-only while it runs, and is whole when that ends',
  async () => {
    const owned = new OwnedFolder()
    let engine = await owned.open()
    for (let round = 0; round < (process.env.GLASSBOX_LONG ? 5 : 2); round++) {
      expect(await owned.write()).toBe(true)
      expect((await engine.ids()).spans).toEqual(owned.stored)
      // What is open stays writable to who opened it; what must be opened or made anew is refused.
      owned.readOnly()
      for (let i = 0; i < 3; i++) await owned.write()
      expect((await engine.ids()).spans).toEqual(owned.stored)
      owned.writable()
      expect(await owned.write()).toBe(true)
      expect((await engine.stats()).mode).toBe('normal')
    }
    await engine.ask('stop')
    await engine.end()
    engine = await owned.open()
    expect((await engine.ids()).spans).toEqual(owned.stored)
  },
  60_000,
)

it.runIf(bound).each([
  ['nobody reads', false],
  ['somebody reads', true],
])(
  'writes again when its folder was read-only while the storage thread was started anew and %s',
  async (_, reads) => {
    const owned = new OwnedFolder()
    const engine = await owned.open()
    for (let round = 0; round < 2; round++) {
      while (!(await owned.write())) {
        // After a second death the thread starts anew a little later.
      }
      owned.readOnly()
      await engine.ask('killWriter')
      expect(await owned.write()).toBe(false)
      if (reads) expect((await engine.ids()).spans).toEqual(owned.stored)
      expect(await owned.write()).toBe(false)
      owned.writable()
      // As the pipeline does it: what could not be written is tried again. Readers close meanwhile.
      while (!(await owned.write())) await engine.stats()
      expect((await engine.stats()).mode).toBe('normal')
      expect((await engine.ids()).spans).toEqual(owned.stored)
    }
  },
  60_000,
)

// Experiment 14.
it('ends a query that holds on to old data, so that the WAL can be given back while writing goes on', async () => {
  const long = process.env.GLASSBOX_LONG === '1'
  storage = await StorageProcess.start({ dataDir: join(folder, 'data'), reserveBytes: 100_000_000 })
  await storage.ask('open')
  await storage.write(1, 200)
  const query = 'SELECT count(*) FROM _traces a, _traces b, _traces c, _traces d'
  let ended: { code?: string } | null = null
  const asked = storage.ask('sql', { query, timeoutMs: long ? 60_000 : 800 }).catch((error) => {
    ended = error
  })
  let next = 1001
  let most = 0
  while (ended === null) {
    expect(await storage.write(next, 200, 1000)).not.toBeNull()
    next += 200
    most = Math.max(most, (await storage.stats()).walBytes)
  }
  await asked
  expect(ended).toMatchObject({ code: 'query_timeout' })
  expect(most).toBeLessThan(256e6)
  // Room for one more round of the WAL: it starts again from its beginning and is cut to its limit.
  for (let i = 0; i < 20; i++, next += 200) await storage.write(next, 200, 1000)
  await storage.ask('compact')
  expect((await storage.stats()).walBytes).toBeLessThan(64e6)
  expect((await storage.ids()).spans).toHaveLength(200 + next - 1001)
}, 180_000)
