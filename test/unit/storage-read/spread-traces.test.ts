import { afterEach, beforeEach, expect, it } from 'vitest'
import { BlockCache } from '../../../core/storage/sqlite/read/block-cache.ts'
import { openReadConnection } from '../../../core/storage/sqlite/read/read-methods.ts'
import { SpreadTraces } from '../../../core/storage/sqlite/read/spread-traces.ts'
import type { TraceTable } from '../../../core/storage/sqlite/read/trace-table.ts'
import { HOUR, T0 } from './arbitrary.ts'
import { spanBatch } from './spans.ts'
import { TestStore } from './test-store.ts'

let store: TestStore
beforeEach(() => {
  store = new TestStore(T0 / 1000)
})
afterEach(() => store.stop())

let next = 1
function write(traces: { trace: number; hours: number }[]): void {
  const none = { parent: 0, kind: 0, status: 0, service: 's', name: 'n', dur: 1, attributes: {} }
  store.write(
    [
      spanBatch(
        traces.map(({ trace, hours }) => ({ ...none, trace, span: next++, start: T0 + hours * HOUR })),
        T0,
      ),
    ],
    [],
  )
}

/** Looks on a connection of its own: trace, earliest and latest begin in hours, and how many blocks were opened for it. */
function look(spread: SpreadTraces, kept: Uint8Array | null) {
  const db = openReadConnection(store.dataDir)
  try {
    const cache = new BlockCache(db)
    let opened = 0
    const blocks = {
      spanMetas: () => cache.spanMetas(),
      partials(meta: Parameters<BlockCache['partials']>[0], asOf: number) {
        opened++
        return cache.partials(meta, asOf)
      },
    }
    const table: TraceTable = spread.upTo(cache.seq(), blocks, store.guard(), () => kept)
    const found = Array.from({ length: table.size }, (_, i) => [
      table.bytes[i * 16 + 15],
      (table.start[i] - T0) / HOUR,
      (table.end[i] - T0) / HOUR,
    ])
    return { found: found.sort(([a], [b]) => a - b), opened }
  } finally {
    db.close()
  }
}

it('knows the traces that reach over more than an hour, asks of new blocks only, and takes over what was kept', () => {
  let kept: Uint8Array | null = null
  const keep = (packed: Uint8Array): void => {
    kept = packed
  }
  const spread = new SpreadTraces(keep, 0)
  for (let hours = 0; hours < 12; hours++)
    write(Array.from({ length: 20 }, (_, i) => ({ trace: 100 + hours * 20 + i, hours })))
  write([
    { trace: 1, hours: 0 },
    { trace: 2, hours: 0 },
    { trace: 3, hours: 5 },
  ])
  write([
    { trace: 1, hours: 9 },
    { trace: 2, hours: 1 },
  ])
  expect(look(spread, null).found).toEqual([[1, 0, 9]])
  expect(look(spread, null)).toEqual({ found: [[1, 0, 9]], opened: 0 })

  // A later part, an earlier part, and one of a trace that was known.
  write([
    { trace: 2, hours: 1.5 },
    { trace: 3, hours: 3 },
    { trace: 1, hours: 11 },
  ])
  const after = {
    found: [
      [1, 0, 11],
      [2, 0, 1.5],
      [3, 3, 5],
    ],
    opened: expect.any(Number),
  }
  expect(look(spread, null)).toEqual(after)

  store.compact()
  expect(look(spread, null)).toEqual({ ...after, opened: 0 })
  expect(look(new SpreadTraces(keep), kept)).toEqual({ ...after, opened: 0 })
})
