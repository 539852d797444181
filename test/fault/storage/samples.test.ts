import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { seededRandom } from '../../demo/shop.ts'
import { TestMetrics } from '../../unit/metrics/test-metrics.ts'

const LONG = process.env.GLASSBOX_LONG === '1'
const SEED = Number(process.env.GLASSBOX_SEED ?? (LONG ? Date.now() % 1e9 : 11))
const random = seededRandom(SEED)
const DAY_MS = 86_400_000
const T0 = Date.UTC(2026, 0, 15)
const SERIES = 70
const SAMPLES = 60
const ALL = [{ name: '__name__', op: '=~', value: '.+' }] as never

let metrics: TestMetrics
beforeEach(() => {
  metrics = new TestMetrics(T0)
})
afterEach(() => metrics.close())

/** A sample a series and step; the value says which. */
function writeAll(): void {
  for (let step = 0; step < SAMPLES; step++) {
    metrics.write(
      Array.from({ length: SERIES }, (_, i) => ({
        labels: [
          ['__name__', `m${i % 7}`],
          ['i', `${i}`],
        ],
        time: T0 + step * 15_000,
        value: i * 1000 + step + random(),
      })),
    )
    metrics.pass(15_000)
  }
}

const read = () => metrics.select(ALL, T0 - 1000, T0 + DAY_MS)
const samplesOf = ({ series }: ReturnType<typeof read>): number =>
  series.reduce((sum, { times }) => sum + times.length, 0)

function flip(db: Database.Database, table: string, id: number): () => void {
  const whole = db.prepare(`SELECT data FROM ${table} WHERE id = ?`).pluck().get(id) as Buffer
  const bytes = Buffer.from(whole)
  bytes[Math.floor(random() * bytes.length)] ^= 1 << Math.floor(random() * 8)
  const write = db.prepare(`UPDATE ${table} SET data = ? WHERE id = ?`)
  write.run(bytes, id)
  return () => write.run(whole, id)
}

it(
  'finds a flipped bit in a block of samples, answers the rest, and says how many blocks are left out',
  () => {
    process.stdout.write(`seed ${SEED}\n`)
    writeAll()
    metrics.writer.compact()
    const db = new Database(join(metrics.dataDir, 'auxiliary.db'))
    const ids = db.prepare('SELECT id FROM metric_block').pluck().all() as number[]
    expect(ids.length).toBeGreaterThan(1)
    const whole = read()
    expect([samplesOf(whole), whole.damagedBlocks]).toEqual([SERIES * SAMPLES, undefined])
    let without = 0
    for (let i = 0; i < (LONG ? 2000 : 100); i++) {
      const id = ids[Math.floor(random() * ids.length)]
      const undo = flip(db, 'metric_block', id)
      const found = read()
      // zstd passes over bits of its header that mean nothing; then nothing is wrong with the content.
      if (found.damagedBlocks === undefined) expect(found).toEqual(whole)
      else {
        without++
        expect(found.damagedBlocks).toBe(1)
        expect(samplesOf(found)).toBeLessThan(SERIES * SAMPLES)
        const known = new Map(whole.series.map((one) => [JSON.stringify(one.labels), one]))
        for (const one of found.series) {
          const right = known.get(JSON.stringify(one.labels))
          const values = new Map(Array.from(right?.times ?? [], (time, at) => [time, right?.values[at]]))
          for (let at = 0; at < one.times.length; at++) expect(values.get(one.times[at])).toBe(one.values[at])
        }
      }
      undo()
    }
    expect(without).toBeGreaterThan(50)
    expect(read()).toEqual(whole)
    db.close()
  },
  LONG ? 3_600_000 : 60_000,
)

it('starts although the log of the newest samples is damaged, and loses only the row that is', () => {
  writeAll()
  metrics.writer.metrics.flush()
  const db = new Database(join(metrics.dataDir, 'auxiliary.db'))
  const ids = db.prepare('SELECT id FROM metric_log ORDER BY id').pluck().all() as number[]
  const lost = db.prepare('SELECT samples FROM metric_log WHERE id = ?').pluck().get(ids[0]) as number
  metrics.crash(() => {
    const bytes = Buffer.from(db.prepare('SELECT data FROM metric_log WHERE id = ?').pluck().get(ids[0]) as Buffer)
    // Past the header of the frame, so that the content is hit.
    bytes[bytes.length - 6] ^= 4
    db.prepare('UPDATE metric_log SET data = ? WHERE id = ?').run(bytes, ids[0])
    db.close()
  })
  expect(samplesOf(read())).toBe(SERIES * SAMPLES - lost)
})
