import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type ServedProcess, serveProcess } from '../../fixtures/served-process.ts'

const ROUNDS = process.env.GLASSBOX_LONG ? Number(process.env.GLASSBOX_ROUNDS ?? 200) : 2
const AT_ONCE = process.env.GLASSBOX_LONG ? 20 : 4

let dataDir: string
let all: ServedProcess[] = []
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-instances-'))
})
afterEach(async () => {
  await Promise.all(all.map((one) => one.end('SIGKILL')))
  rmSync(dataDir, { recursive: true, force: true })
})

it(`of ${AT_ONCE} started at once exactly one runs, ${ROUNDS} times, also after a kill`, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    all = Array.from({ length: AT_ONCE }, () => serveProcess(dataDir))
    const results = await Promise.allSettled(all.map((one) => one.ready))
    const running = all.filter((_, i) => results[i].status === 'fulfilled')
    expect(running).toHaveLength(1)
    const refused = all.filter((one) => one !== running[0])
    for (const one of refused) {
      expect(await one.end('SIGKILL')).toBe(1)
      expect(one.stderr()).toContain('already uses the data directory')
      expect(one.stderr()).toMatch(/process \d+|another Glassbox already/)
    }
    // The lock is the dead process's no longer: the next round starts on what it left.
    expect(await running[0].end('SIGKILL')).toBeNull()
  }
}, 3_600_000)
