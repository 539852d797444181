import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { StorageUsage } from '../../../core/api/contract/shapes.ts'
import { storageUsage } from '../../../core/storage/usage.ts'
import {
  emptyFields,
  missingFields,
  postgresUrl,
  readPostgresUrl,
  withoutPassword,
} from '../../../renderer/features/settings/derive/postgres-url.ts'
import { freedBy, movedAmount, portions } from '../../../renderer/features/settings/derive/usage.ts'

describe('a Postgres address', () => {
  it('goes to fields and back unchanged, whatever stands in them', () => {
    const text = fc.string({ minLength: 1, maxLength: 12 }).filter((one) => one.isWellFormed())
    fc.assert(
      fc.property(
        fc.record({
          host: fc.domain(),
          port: fc.integer({ min: 1, max: 65_535 }).map(String),
          // A path of one or two dots is no name: addresses cannot carry it, however it is written.
          database: text.filter((one) => one !== '.' && one !== '..'),
          user: text,
          password: fc.oneof(text, fc.constant('')),
          sslmode: fc.constantFrom('disable', 'prefer', 'require', 'verify-full'),
          sslrootcert: fc.oneof(text, fc.constant('')),
          sslcert: fc.oneof(text, fc.constant('')),
          sslkey: fc.oneof(text, fc.constant('')),
        }),
        (fields) => {
          expect(readPostgresUrl(postgresUrl(fields))).toEqual({ ...fields })
        },
      ),
    )
  })

  it('is not read from anything else', () => {
    for (const text of ['', 'db.internal', 'http://db/obs', 'postgres:/db', 'mysql://u@h/d']) {
      expect(readPostgresUrl(text), text).toBe(null)
    }
  })

  it('hides its password and says what is missing', () => {
    expect(withoutPassword('postgres://u:p%40ss@h:5432/d?x=1')).toBe('postgres://u:***@h:5432/d?x=1')
    expect(missingFields(emptyFields)).toEqual(['host', 'database', 'user'])
    expect(missingFields({ ...emptyFields, host: 'h', database: 'd', user: 'u', port: '70000' })).toEqual(['port'])
  })
})

const DAY_US = 86_400e6
const today = 20_000
const now = (today + 0.5) * DAY_US
const day = (signal: 'traces' | 'logs', before: number, rows: number, bytes: number) => ({
  signal,
  day: today - before,
  rows,
  bytes,
})
const engine = {
  engine: 'sqlite' as const,
  signals: [
    { signal: 'traces' as const, rows: 60, bytes: 6000, oldest: 1, newest: 2 },
    { signal: 'logs' as const, rows: 40, bytes: 800, oldest: 1, newest: 2 },
    { signal: 'metrics' as const, rows: 1000, bytes: 2000, oldest: 1, newest: 2 },
  ],
  days: [day('traces', 3, 10, 1000), day('traces', 1, 20, 2000), day('traces', 0, 30, 3000), day('logs', 1, 40, 800)],
  indexBytes: 500,
  walBytes: 100,
  wasteBytes: 300,
  totalBytes: 12_000,
  freeBytes: 1e9,
}
const service = (name: string, spans: number, logs: number) => ({
  service: name,
  spans,
  logs,
  errors: 0,
  firstSeen: 0,
  lastSeen: 0,
})
const usage: StorageUsage = storageUsage(engine, [service('a', 15, 40), service('b', 45, 0)], {
  nowUs: now,
  capBytes: 10_000,
})

describe('the account of a store', () => {
  it('adds up to everything on disk', () => {
    const parts = portions(usage)
    expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(12_000)
    expect(parts.find(({ name }) => name === 'format')?.bytes).toBe(2300)
  })

  it('gives each service its share by rows, the largest first', () => {
    expect(usage.services).toEqual([
      { service: 'b', spans: 45, logs: 0, bytes: 4500 },
      { service: 'a', spans: 15, logs: 40, bytes: 2300 },
    ])
  })

  it('grows by the average of whole days, and reaches the cap of traces on a day', () => {
    expect(usage.growthPerDay).toBe(Math.round(3800 / 3))
    expect(usage.capReachedAt).toBe(Math.round(now + (4000 / 1000) * DAY_US))
    const full = storageUsage(engine, [], { nowUs: now, capBytes: 5000 })
    expect(full.capReachedAt).toBe(now)
    expect(storageUsage({ ...engine, days: [] }, [], { nowUs: now, capBytes: 1 })).toMatchObject({
      growthPerDay: null,
      capReachedAt: null,
    })
  })

  it('says what moves from a day on, and what a retention frees', () => {
    expect(movedAmount(usage, null)).toEqual({ traces: { rows: 60, bytes: 6000 }, logs: { rows: 40, bytes: 800 } })
    expect(movedAmount(usage, (today - 1) * DAY_US).traces).toEqual({ rows: 50, bytes: 5000 })
    expect(freedBy(usage, 'traces', 1, now)).toEqual({ rows: 10, bytes: 1000, days: 1 })
    expect(freedBy(usage, 'traces', 30, now)).toEqual({ rows: 0, bytes: 0, days: 0 })
  })
})
