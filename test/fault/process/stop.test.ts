import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { HostAddresses } from '../../../core/host.ts'
import { IdSender } from '../../fixtures/id-sender.ts'
import { type ServedProcess, serveProcess, storedIds } from '../../fixtures/served-process.ts'

const ROUNDS = process.env.GLASSBOX_LONG ? Number(process.env.GLASSBOX_ROUNDS ?? 100) : 2

let dataDir: string
let served: ServedProcess | null = null
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-stop-'))
})
afterEach(async () => {
  await served?.end('SIGKILL')
  rmSync(dataDir, { recursive: true, force: true })
})

it(`stops under load ${ROUNDS} times by signals sent twice, and has stored all that it acknowledged`, async () => {
  let addresses: HostAddresses
  served = serveProcess(dataDir)
  addresses = await served.ready
  const book = new IdSender(() => addresses.otlp)
  for (let round = 0; round < ROUNDS; round++) {
    let requests = 0
    let ending: Promise<number | null> | null = null
    const sending = async (): Promise<void> => {
      while (await book.send(50)) {
        if (++requests !== 20) continue
        const signal = round % 2 === 0 ? 'SIGTERM' : 'SIGINT'
        served?.child.kill(signal)
        ending = served?.end(signal) ?? null
      }
    }
    await Promise.all(Array.from({ length: 4 }, sending))
    expect(await ending).toBe(0)
    expect(existsSync(join(dataDir, 'instance.json'))).toBe(false)
    expect(served.stderr()).not.toMatch(/dropped at the stop|Unhandled|at file:/)

    served = serveProcess(dataDir)
    addresses = await served.ready
    const rows = await storedIds(addresses)
    const stored = new Set(rows)
    expect(rows).toHaveLength(stored.size)
    expect([...book.acknowledged].filter((id) => !stored.has(id))).toEqual([])
  }
  expect(book.acknowledged.size).toBeGreaterThan(ROUNDS * 500)
  expect(await served.end('SIGTERM')).toBe(0)
}, 3_600_000)
