import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SpanBatch } from '../../../core/model/columns.ts'
import { Writer } from '../../../core/storage/sqlite/writer.ts'

const DAY_MS = 86_400_000
let dataDir = ''
let nowMs = 0
let monotonic = 0
let boot = 'first'
const clock = {
  nowUs: () => nowMs * 1000,
  monotonicMs: () => monotonic,
  witness: () => ({ wallUs: nowMs * 1000, uptimeMs: monotonic, boot }),
}
const policy = { tracesDays: 7, tracesBytes: 1e9, logsDays: 7 }
const open = () => new Writer({ dataDir, reserveBytes: 1000 }, clock, () => undefined)

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'glassbox-writer-'))
  nowMs = Date.UTC(2026, 0, 15)
  monotonic = 0
  boot = 'first'
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

function batch(n = 3): SpanBatch {
  const zeros = () => new Uint32Array(n)
  const shared = { attributes: '[]', droppedAttributesCount: 0, schemaUrl: '' }
  return {
    signal: 'traces',
    n,
    receivedUs: nowMs * 1000,
    dictionary: { bytes: new TextEncoder().encode('GET'), offsets: Uint32Array.of(0, 0, 3), size: 2 },
    resources: [{ service: 'shop', ...shared }],
    scopes: [{ name: '', version: '', ...shared }],
    traceId: new Uint8Array(16 * n).fill(7),
    spanId: Uint8Array.from({ length: 8 * n }, (_, i) => i + 1),
    parentId: new Uint8Array(8 * n),
    startUs: new Float64Array(n).fill(nowMs * 1000),
    startNs: new Uint16Array(n),
    durUs: new Float64Array(n).fill(5),
    durNs: new Uint16Array(n),
    name: zeros().fill(1),
    kind: new Uint8Array(n),
    status: new Uint8Array(n),
    statusMessage: zeros(),
    traceState: zeros(),
    flags: zeros(),
    resource: zeros(),
    scope: zeros(),
    droppedAttributes: zeros(),
    droppedEvents: zeros(),
    droppedLinks: zeros(),
    events: zeros(),
    links: zeros(),
    marks: new Uint8Array(n),
    sampleRate: new Uint16Array(n).fill(1),
    attributes: {
      offsets: new Uint32Array(n + 1),
      keys: new Uint32Array(0),
      types: new Uint8Array(0),
      values: new Float64Array(0),
    },
  }
}

it('stores a retried export once', () => {
  const writer = open()
  expect(writer.write([batch()], [])).toEqual({ seq: 1, storedSpans: 3, storedLogs: 0, duplicateSpans: 0 })
  expect(writer.write([batch()], [])).toEqual({ seq: 2, storedSpans: 0, storedLogs: 0, duplicateSpans: 3 })
  expect(writer.stats().spans).toBe(3)
  writer.stop()
})

it('deletes nothing by age when the clock jumps ten years ahead', () => {
  const writer = open()
  writer.write([batch()], [])
  nowMs += 3650 * DAY_MS
  const result = writer.retention(policy)
  expect(result.paused).toContain('jumped')
  expect([result.spans, writer.stats().spans]).toEqual([0, 3])
  writer.stop()
})

it('deletes nothing when the clock jumped while stopped', () => {
  const first = open()
  first.write([batch()], [])
  first.stop()
  nowMs += 3650 * DAY_MS
  const second = open()
  expect(second.retention(policy).spans).toBe(0)
  expect(second.stats().spans).toBe(3)
  second.stop()
})

it('deletes by age once real time has passed', () => {
  const writer = open()
  writer.write([batch()], [])
  nowMs += 8 * DAY_MS
  monotonic += 8 * DAY_MS
  expect(writer.retention(policy)).toMatchObject({ spans: 3, paused: null })
  expect(writer.stats().spans).toBe(0)
  writer.stop()
})

it('pauses for one day of real time, then believes the new clock without taking its jump for age', () => {
  const writer = open()
  writer.write([batch()], [])
  nowMs += 30 * DAY_MS
  expect(writer.retention(policy).paused).not.toBeNull()
  nowMs += DAY_MS
  monotonic += DAY_MS
  expect(writer.retention(policy)).toMatchObject({ spans: 0, paused: null })
  nowMs += 6 * DAY_MS + 1
  monotonic += 6 * DAY_MS + 1
  expect(writer.retention(policy)).toMatchObject({ spans: 3, paused: null })
  writer.stop()
})

it('pauses when the clock jumped, however long ago the last good run was', () => {
  const writer = open()
  writer.write([batch()], [])
  expect(writer.retention(policy).paused).toBeNull()
  nowMs += DAY_MS + 3650 * DAY_MS
  monotonic += DAY_MS
  expect(writer.retention(policy)).toMatchObject({ spans: 0 })
  expect(writer.stats()).toMatchObject({ spans: 3, retentionPaused: expect.stringContaining('jumped') })
  monotonic += DAY_MS - 1
  nowMs += DAY_MS - 1
  expect(writer.retention(policy).spans).toBe(0)
  monotonic += 1
  nowMs += 1
  expect(writer.retention(policy)).toMatchObject({ spans: 0, paused: null })
  expect(writer.stats()).toMatchObject({ spans: 3, retentionPaused: null })
  writer.stop()
})

it('does not believe a jumped clock after a restart, nor data received under it', () => {
  const first = open()
  first.write([batch()], [])
  nowMs += 3650 * DAY_MS
  expect(first.retention(policy).paused).not.toBeNull()
  first.stop()
  const second = open()
  expect(second.retention(policy)).toMatchObject({ spans: 0, paused: expect.stringContaining('jumped') })
  expect(second.stats().spans).toBe(3)
  second.stop()
})

it('goes on deleting by age at once after standing still for days while the machine ran on', () => {
  const first = open()
  first.write([batch()], [])
  first.stop()
  nowMs += 9 * DAY_MS
  monotonic += 9 * DAY_MS
  const second = open()
  expect(second.retention(policy)).toMatchObject({ spans: 3, paused: null })
  second.stop()
})

it('waits a day when the machine was off for long, as nothing tells how long', () => {
  const first = open()
  first.write([batch()], [])
  first.stop()
  nowMs += 9 * DAY_MS
  monotonic = 5000
  boot = 'second'
  const second = open()
  expect(second.retention(policy)).toMatchObject({ spans: 0, paused: expect.stringContaining('jumped') })
  second.write([{ ...batch(), spanId: new Uint8Array(24).fill(9) }], [])
  nowMs += DAY_MS
  monotonic += DAY_MS
  // What came in meanwhile is a day old, not ten.
  expect(second.retention(policy)).toMatchObject({ spans: 3, paused: null })
  expect(second.stats().spans).toBe(1)
  second.stop()
})

it.each([3650, -3650])('dates what arrives under a clock %s days off by elapsed time', (days) => {
  const writer = open()
  writer.write([batch()], [])
  nowMs += days * DAY_MS
  writer.write([{ ...batch(), spanId: new Uint8Array(24).fill(9) }], [])
  // The clock is set right again after an hour; nothing was deleted, and nothing stays for ten years.
  nowMs += 3_600_000 - days * DAY_MS
  monotonic += 3_600_000
  expect(writer.retention(policy)).toMatchObject({ spans: 0, paused: null })
  nowMs += 8 * DAY_MS
  monotonic += 8 * DAY_MS
  expect(writer.retention(policy)).toMatchObject({ spans: 4, paused: null })
  writer.stop()
})

it('moves the receipt of what arrived under a new clock once that is believed', () => {
  const writer = open()
  nowMs += 30 * DAY_MS
  writer.write([batch()], [])
  nowMs += DAY_MS
  monotonic += DAY_MS
  expect(writer.retention(policy)).toMatchObject({ spans: 0, paused: null })
  nowMs += 5 * DAY_MS
  monotonic += 5 * DAY_MS
  expect(writer.retention(policy)).toMatchObject({ spans: 0, paused: null })
  nowMs += 2 * DAY_MS
  monotonic += 2 * DAY_MS
  expect(writer.retention(policy)).toMatchObject({ spans: 3, paused: null })
  writer.stop()
})

it('knows spans of earlier writes again after a write that failed', () => {
  const writer = open()
  writer.write([batch()], [])
  expect(() => writer.write([{ ...batch(), name: Uint32Array.of(9, 9, 9), spanId: null as never }], [])).toThrow()
  expect(writer.write([batch()], [])).toMatchObject({ storedSpans: 0, duplicateSpans: 3 })
  writer.stop()
})
