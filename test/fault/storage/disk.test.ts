import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { StorageProcess } from './storage-process.ts'

let folder = ''
let storage: StorageProcess | null = null
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-disk-'))
})
afterEach(async () => {
  await storage?.kill()
  storage = null
  rmSync(folder, { recursive: true, force: true })
})

/** Whether this user may have mounts of its own: a matter of the kernel's settings. */
const mountsOwn = spawnSync('unshare', ['-rm', 'true']).status === 0

const LONG = process.env.GLASSBOX_LONG === '1'
const PER_WRITE = 500

/** Numbers from `from` on, without a gap, to `to` (not included). */
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

// Experiment 7.
it.runIf(mountsOwn)(
  'keeps writing on a disk that is full, drops the oldest of either signal, and is whole when there is room',
  async () => {
    const megabytes = LONG ? 64 : 24
    storage = await StorageProcess.start({
      dataDir: join(folder, 'data'),
      reserveBytes: 3_000_000,
      mount: `mount -t tmpfs -o size=${megabytes}m tmpfs '${folder}'`,
    })
    await storage.ask('open')
    const stored: number[] = []
    let next = 1
    let refused = 0
    const write = async (): Promise<boolean> => {
      const result = await (storage as StorageProcess).write(next, PER_WRITE)
      if (result) {
        expect(result).toMatchObject({ storedSpans: PER_WRITE, storedLogs: PER_WRITE, duplicateSpans: 0 })
        stored.push(...range(next, next + PER_WRITE))
        next += PER_WRITE
      } else refused++
      return result !== null
    }
    const half = (megabytes * 1e6) / 2
    while ((await storage.stats()).freeBytes > half) expect(await write()).toBe(true)
    expect((await storage.stats()).mode).toBe('normal')
    // Another program takes the rest of the disk.
    await storage.ask('fill', { leave: 500_000 })
    let sawFull = false
    for (let i = 0; refused < (LONG ? 200 : 3); i++) {
      expect(i).toBeLessThan(2000)
      await write()
      const { mode, modeReason } = await storage.stats()
      if (mode !== 'disk-full') continue
      sawFull = true
      expect(modeReason).toContain('disk is full')
    }
    expect(sawFull).toBe(true)
    // What was answered is there, but for the oldest of either signal.
    const { spans, logs } = await storage.ids()
    expect(spans).toEqual(stored.slice(stored.length - spans.length))
    expect(logs).toEqual(stored.slice(stored.length - logs.length))
    expect(2 * stored.length - spans.length - logs.length).toBeGreaterThan(0)
    // At most one clean-up of a tenth a minute, however often a write failed.
    expect(spans.length).toBeGreaterThan(stored.length * 0.7)
    expect(await storage.problems()).toContainEqual(expect.stringMatching(/the oldest \d+ spans and \d+ log records/))

    await storage.ask('unfill')
    let tries = 0
    while (!(await write())) expect(++tries).toBeLessThan(5)
    const after = await storage.ids()
    expect(after.spans).toEqual(stored.slice(stored.length - after.spans.length))
    expect(refused).toBeGreaterThan(0)
  },
  120_000,
)

/** Sets how large a file the process may make: the kernel's EFBIG stands for any write error of the disk. */
const limitFiles = (pid: number, bytes: number | 'unlimited'): void => {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`])
}

// Experiment 9, with the kernel's own write errors.
it.runIf(process.platform === 'linux')(
  'answers write errors with storage_unavailable, closes and reopens the file, and loses nothing that it answered',
  async () => {
    storage = await StorageProcess.start({ dataDir: join(folder, 'data') })
    await storage.ask('open')
    const stored: number[] = []
    let next = 1
    let refused = 0
    for (let round = 0; round < (LONG ? 100 : 6); round++) {
      for (let i = 0; i < 4; i++) {
        // Fresh ids for each try: those of a write that failed must not be there.
        const from = next
        next += PER_WRITE
        if (i === 1) limitFiles(storage.pid, 16_384 * (1 + ((round * 7) % 40)))
        if (i === 3) limitFiles(storage.pid, 'unlimited')
        if (await storage.write(from, PER_WRITE, 600)) stored.push(...range(from, next))
        else {
          refused++
          const { mode, modeReason } = await storage.stats()
          expect(mode).not.toBe('normal')
          expect(modeReason).toMatch(/cannot be read or written|disk is full/)
        }
      }
      expect(await storage.stats()).toMatchObject({ mode: 'normal', modeReason: null })
    }
    expect(refused).toBeGreaterThan(3)
    const { spans, logs } = await storage.ids()
    expect(spans).toEqual(stored)
    expect(logs).toEqual(stored)
    expect(await storage.problems()).toContainEqual(expect.stringContaining('closed and opened again'))
    await storage.ask('stop')
    await storage.end()
    storage = await StorageProcess.start({ dataDir: join(folder, 'data') })
    await storage.ask('open')
    expect((await storage.ids()).spans).toEqual(stored)
  },
  LONG ? 3_600_000 : 120_000,
)

// Experiment 6, for the storage thread.
it('starts a storage thread that died again, and health says when it died too often', async () => {
  storage = await StorageProcess.start({ dataDir: join(folder, 'data') })
  await storage.ask('open')
  await storage.write(1, 100)
  for (let death = 1; death <= 5; death++) {
    await storage.ask('killWriter')
    let result = null
    while (result === null) result = await storage.write(1 + death * 100, 100)
    expect(result).toMatchObject({ storedSpans: 100 })
  }
  expect((await storage.ids()).spans).toEqual(range(1, 601))
  expect(await storage.stats()).toMatchObject({ mode: 'normal', spans: 600 })
  await storage.ask('killWriter')
  let mode = ''
  while (mode !== 'read-only') ({ mode } = await storage.stats())
  expect((await storage.stats()).modeReason).toContain('died 6 times')
  expect(await storage.write(1000, 1)).toBeNull()
  // Reading goes on.
  expect((await storage.ids()).spans).toEqual(range(1, 601))
}, 60_000)
