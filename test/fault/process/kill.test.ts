import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { PipelineAnswer } from '../../../core/api/contract/shapes.ts'
import type { HostAddresses } from '../../../core/host.ts'
import { seededRandom } from '../../demo/shop.ts'
import { IdSender } from '../../fixtures/id-sender.ts'
import { ask, type ServedProcess, serveProcess, storedIds } from '../../fixtures/served-process.ts'

/** GLASSBOX_ROUNDS sets how many the long run has. */
const ROUNDS = process.env.GLASSBOX_LONG ? Number(process.env.GLASSBOX_ROUNDS ?? 200) : 3
const QUEUE_AND_BATCH = 5000 + 16_384
const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)

let dataDir: string
let served: ServedProcess | null = null
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-kill-'))
})
afterEach(async () => {
  await served?.end('SIGKILL')
  rmSync(dataDir, { recursive: true, force: true })
})

const days = async (addresses: HostAddresses): Promise<number> =>
  (await ask<Record<string, { value: number }>>(addresses, '/api/settings'))['retention.logs.days'].value

function integrity(file: string): unknown {
  const db = new Database(join(dataDir, file), { readonly: true })
  try {
    return db.pragma('integrity_check', { simple: true })
  } finally {
    db.close()
  }
}

it(`${ROUNDS} kills at random moments under spans and settings writes: nothing is lost beyond what is told`, async () => {
  const random = seededRandom(seed)
  let addresses: HostAddresses
  served = serveProcess(dataDir)
  addresses = await served.ready
  const book = new IdSender(() => addresses.otlp)
  let answeredDays = 7
  let askedDays = 7
  let missingBefore = 0
  let worst = 0
  const told: object[] = []
  for (let round = 1; round <= ROUNDS; round++) {
    const killAfter = 5 + Math.floor(random() * 120)
    let requests = 0
    let dead = false
    const sending = async (): Promise<void> => {
      while (!dead) {
        if (!(await book.send(20))) return
        // The moment is a number of answered requests, so that a slow machine is killed at the same place.
        if (++requests === killAfter) {
          dead = true
          served?.child.kill('SIGKILL')
        }
      }
    }
    const changing = async (): Promise<void> => {
      while (!dead) {
        askedDays = 1 + ((askedDays + 1) % 365)
        const wanted = askedDays
        const saved = await ask(addresses, '/api/settings', 'PATCH', { 'retention.logs.days': wanted }).catch(
          () => null,
        )
        if (!saved) return
        answeredDays = wanted
      }
    }
    await Promise.all([sending(), sending(), sending(), sending(), changing()])
    await served.end('SIGKILL')
    expect([integrity('glassbox.db'), integrity('auxiliary.db')], `seed ${seed}, round ${round}`).toEqual(['ok', 'ok'])

    served = serveProcess(dataDir)
    addresses = await served.ready
    const { lost } = (await ask<PipelineAnswer>(addresses, '/api/pipeline')).traces
    const rows = await storedIds(addresses)
    const stored = new Set(rows)
    expect(rows.length, `seed ${seed}, round ${round}: a span is stored twice`).toBe(stored.size)
    const missing = [...book.acknowledged].filter((id) => !stored.has(id)).length
    const lostNow = missing - missingBefore
    missingBefore = missing
    worst = Math.max(worst, lost)
    if (lost > 0) told.push({ round, killAfter, told: lost, gone: lostNow })
    expect(
      lost,
      `seed ${seed}, round ${round}: more acknowledged spans are gone than were told`,
    ).toBeGreaterThanOrEqual(lostNow)
    expect(lost).toBeLessThanOrEqual(QUEUE_AND_BATCH)
    for (const id of stored) expect(book.acknowledged.has(id) || book.unanswered.has(id)).toBe(true)
    const kept = await days(addresses)
    expect([answeredDays, askedDays], `seed ${seed}, round ${round}`).toContain(kept)
    answeredDays = kept
  }
  expect(book.acknowledged.size).toBeGreaterThan(ROUNDS * 20)
  process.stdout.write(
    `${JSON.stringify({ id: 1, seed, n: ROUNDS, acknowledged: book.acknowledged.size, unanswered: book.unanswered.size, missing: missingBefore, worstTold: worst, told })}\n`,
  )
  expect(await served.end('SIGTERM')).toBe(0)
}, 3_600_000)
