import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { LogBatch, SpanBatch } from '../../core/model/columns.ts'
import { ContentSums, type DaySum, differingDays, mergeDaySums } from '../../core/storage/content-sum.ts'
import { rowsOf, type ScanPart, scanAll } from '../../core/storage/scan.ts'
import type { TelemetryStore } from '../../core/storage/store.ts'
import { engines, type OpenedStore } from './engines.ts'
import { logBatch, randomTelemetry, spanBatch, T0, VALUES } from './telemetry-rows.ts'

const both = engines()
beforeAll(async () => {
  for (const engine of both) await engine.start()
}, 120_000)
afterAll(async () => {
  for (const engine of both) await engine.stop()
})

const DAY_MS = 86_400_000
const seed = Number(process.env['GLASSBOX_SEED'] ?? 20_261_130)

type Rows = ReturnType<typeof randomTelemetry>

/** Rows with every kind of value and a few days of their own. */
function hostileTelemetry(count: number): Rows {
  const { spans, logs } = randomTelemetry(seed, count)
  VALUES.forEach((value, i) => {
    spans.push({ trace: 9000, span: 90_000 + i, at: i, attributes: [{ key: 'k', value }] })
    logs.push({ at: i, body: value, trace: 9000, attributes: [{ key: 'k', value }] })
  })
  return {
    spans: spans.map((span, i) => ({ ...span, at: span.at - (i % 3) * DAY_MS })),
    logs: logs.map((log, i) => ({ ...log, at: log.at - (i % 4) * DAY_MS })),
  }
}

/** Writes the rows in writes of `size`, received on two days. */
async function writeAll(store: TelemetryStore, { spans, logs }: Rows, size: number): Promise<void> {
  for (let i = 0; i < Math.max(spans.length, logs.length); i += size) {
    const received = T0 + (i % 2) * DAY_MS * 1000
    const part = { spans: spans.slice(i, i + size), logs: logs.slice(i, i + size) }
    await store.writer.write({
      spans: part.spans.length > 0 ? [spanBatch(part.spans, received)] : [],
      logs: part.logs.length > 0 ? [logBatch(part.logs, received)] : [],
    })
  }
}

async function allParts(store: TelemetryStore, after: string | null = null, since: number | null = null) {
  const parts: ScanPart[] = []
  const upTo = await store.reader.scanMark()
  for await (const part of scanAll(store.reader, { after, upTo, since })) parts.push(part)
  return parts
}

async function sumsOf(store: TelemetryStore, distinct = false, days: number[] | null = null): Promise<DaySum[]> {
  const upTo = await store.reader.scanMark()
  const found: DaySum[][] = []
  for (let after: string | null = null, done = false; !done; ) {
    const part = await store.reader.contentSums({ after, upTo, since: null, distinct, days }, { timeoutMs: 60_000 })
    found.push(part.sums)
    after = part.cursor
    done = part.done
  }
  return mergeDaySums(...found)
}

function sumsOfBatches(batches: { spans: SpanBatch[]; logs: LogBatch[] }[], distinct = false): DaySum[] {
  const sums = new ContentSums(distinct)
  for (const { spans, logs } of batches) for (const batch of [...spans, ...logs]) sums.add(batch)
  return sums.days()
}

const total = (parts: ScanPart[]): number => parts.reduce((sum, part) => sum + rowsOf(part), 0)

describe('sums', () => {
  let opened: OpenedStore[]
  beforeEach(async () => {
    opened = await Promise.all(both.map((engine) => engine.open()))
  })
  afterEach(() => Promise.all(opened.map((one) => one.close())))

  it('are equal for equal content, whatever the engine, the writes and the merging', async () => {
    const rows = hostileTelemetry(400)
    const [sqlite, postgres] = opened.map(({ store }) => store)
    await writeAll(sqlite, rows, 37)
    await writeAll(postgres, { spans: rows.spans.toReversed(), logs: rows.logs.toReversed() }, 100)
    const expected = sumsOfBatches([{ spans: [spanBatch(rows.spans)], logs: [logBatch(rows.logs)] }])
    expect(expected.length).toBeGreaterThan(5)
    expect(await sumsOf(sqlite)).toEqual(expected)
    expect(await sumsOf(postgres)).toEqual(expected)
    await sqlite.compact()
    expect(await sumsOf(sqlite)).toEqual(expected)
  })

  it('stay equal when one engine is filled from a scan of the other, both ways', async () => {
    const rows = hostileTelemetry(300)
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ].map((pair) => pair.map((i) => both[i]))) {
      const [source, target] = await Promise.all([from.open(), to.open()])
      try {
        await writeAll(source.store, rows, 50)
        const expected = await sumsOf(source.store)
        for (const { spans, logs } of await allParts(source.store)) await target.store.writer.write({ spans, logs })
        expect(await sumsOf(target.store), `${from.name} to ${to.name}`).toEqual(expected)
      } finally {
        await source.close()
        await target.close()
      }
    }
  })

  it('differ on the day of a row that is missing, more or changed by one value', async () => {
    const rows = { spans: randomTelemetry(seed, 50).spans, logs: [] }
    const changed = rows.spans.map((span) =>
      span.span === 7 ? { ...span, attributes: [{ key: 'user.tier', value: { stringValue: 'other' } }] } : span,
    )
    const base = sumsOfBatches([{ spans: [spanBatch(rows.spans)], logs: [] }])
    for (const other of [rows.spans.slice(1), changed, [...rows.spans, { trace: 1, span: 999, at: 1 }]]) {
      const sums = sumsOfBatches([{ spans: [spanBatch(other)], logs: [] }])
      expect(differingDays(base, sums)).toEqual([{ signal: 'traces', day: base[0].day }])
    }
    expect(differingDays(base, [])).toHaveLength(1)
    expect(differingDays([], base)).toHaveLength(1)
    expect(differingDays(base, base)).toEqual([])
  })
})

describe.each(both)('a scan of $name', (engine) => {
  let opened: OpenedStore
  let store: TelemetryStore
  beforeEach(async () => {
    opened = await engine.open()
    store = opened.store
  })
  afterEach(() => opened.close())

  it('of nothing is one empty part', async () => {
    const parts = await allParts(store)
    expect(total(parts)).toBe(0)
    expect(parts.at(-1)?.done).toBe(true)
    expect(await sumsOf(store)).toEqual([])
  })

  it('goes on from any cursor, and brings what was written after a mark and no more', async () => {
    const rows = hostileTelemetry(400)
    await writeAll(store, rows, 20)
    const mark = await store.reader.scanMark()
    const expected = await sumsOf(store)
    const later = spanBatch([{ trace: 70_000, span: 70_000, at: 5 }])
    await store.writer.write({ spans: [later], logs: [] })

    // Each step is asked for anew from the cursor before, with small blocks merged in between.
    const parts: ScanPart[] = []
    for (let after: string | null = null, done = false; !done; ) {
      const part = await store.reader.scan({ after, upTo: mark, since: null })
      parts.push(part)
      after = part.cursor
      done = part.done
      if (parts.length === 1) await store.compact()
    }
    expect(sumsOfBatches(parts)).toEqual(expected)
    const rest = await allParts(store, parts.at(-1)?.cursor)
    expect(sumsOfBatches(rest)).toEqual(
      sumsOfBatches([{ spans: [spanBatch([{ trace: 70_000, span: 70_000, at: 5 }])], logs: [] }]),
    )
    expect(total(await allParts(store, rest.at(-1)?.cursor))).toBe(0)
  })

  it('brings every row once while writes go on', async () => {
    const rows = hostileTelemetry(600)
    const half = { spans: rows.spans.slice(0, 300), logs: rows.logs.slice(0, 300) }
    await writeAll(store, half, 25)
    const writing = writeAll(store, { spans: rows.spans.slice(300), logs: rows.logs.slice(300) }, 10)
    const parts = await allParts(store)
    await writing
    parts.push(...(await allParts(store, parts.at(-1)?.cursor)))
    expect(sumsOfBatches(parts)).toEqual(await sumsOf(store))
    expect(total(parts)).toBe(rows.spans.length + rows.logs.length)
  })

  it('leaves out what lies before a time', async () => {
    const rows = hostileTelemetry(200)
    await writeAll(store, rows, 50)
    const since = T0 - (DAY_MS / 2) * 1000
    const wanted = {
      spans: [spanBatch(rows.spans.filter(({ at }) => T0 + at * 1000 >= since))],
      logs: [logBatch(rows.logs.filter(({ at }) => T0 + at * 1000 >= since))],
    }
    expect(sumsOfBatches(await allParts(store, null, since))).toEqual(sumsOfBatches([wanted]))
  })

  it('counts a repeated span once when asked to, also of some days only', async () => {
    const rows = { ...hostileTelemetry(100), logs: [] }
    await writeAll(store, rows, 100)
    const expected = await sumsOf(store)
    const parts = await allParts(store)
    // As after a restart, when the recent ones are forgotten.
    for (const { spans } of parts) await store.writer.writeMoved({ spans, logs: [] }, { move: 'again', cursor: '1' })
    const doubled = await sumsOf(store)
    expect(doubled.map(({ rows }) => rows)).toEqual(expected.map(({ rows }) => rows * 2))
    expect(await sumsOf(store, true)).toEqual(expected)
    const [{ day }] = expected
    expect(await sumsOf(store, true, [day])).toEqual(expected.filter((one) => one.day === day))
  })

  it('is followed by writes that keep their place and can be taken back, merged or not', async () => {
    const own = hostileTelemetry(60)
    const moved = randomTelemetry(seed + 1, 90)
    await writeAll(store, own, 30)
    const before = await sumsOf(store)
    expect(await store.writer.movedTo('m')).toBe(null)
    for (let i = 0; i < 3; i++) {
      const spans = moved.spans.slice(i * 30, i * 30 + 30).map((span) => ({ ...span, trace: span.trace + 5000 }))
      const batches = { spans: [spanBatch(spans)], logs: [logBatch(moved.logs.slice(i * 30, i * 30 + 30))] }
      const result = await store.writer.writeMoved(batches, { move: 'm', cursor: `c${i}` })
      expect(result).toMatchObject({ storedSpans: 30, storedLogs: 30 })
      expect(await store.writer.movedTo('m')).toBe(`c${i}`)
      // Live telemetry arrives in between and stays.
      await store.writer.write({ spans: [spanBatch([{ trace: 8000 + i, span: 8000 + i, at: i }])], logs: [] })
    }
    const live = sumsOfBatches(
      [0, 1, 2].map((i) => ({ spans: [spanBatch([{ trace: 8000 + i, span: 8000 + i, at: i }])], logs: [] })),
    )
    await store.compact()
    expect(await store.writer.endMove('m', true)).toEqual({ spans: 90, logs: 90 })
    expect(await sumsOf(store)).toEqual(mergeDaySums(before, live))
    expect(await store.writer.movedTo('m')).toBe(null)
    const { spans, logs } = await store.stats()
    expect({ spans, logs }).toEqual({ spans: own.spans.length + 3, logs: own.logs.length })
  })

  it('that ends a move forgets its place and keeps its rows, which keep their time of receipt', async () => {
    const old = spanBatch([{ trace: 1, span: 1, at: 0 }], T0 - 3 * DAY_MS * 1000)
    await store.writer.writeMoved({ spans: [old], logs: [] }, { move: 'm', cursor: 'c' })
    expect(await store.writer.endMove('m', false)).toEqual({ spans: 0, logs: 0 })
    expect(await store.writer.movedTo('m')).toBe(null)
    const [part] = await allParts(store)
    expect(Math.floor(part.spans[0].receivedUs / 86_400e6)).toBe(Math.floor(T0 / 86_400e6) - 3)
  })

  it('stops when it is cancelled and refuses a cursor that is none', async () => {
    await writeAll(store, hostileTelemetry(50), 10)
    const upTo = await store.reader.scanMark()
    const stop = new AbortController()
    stop.abort()
    const request = { after: null, upTo, since: null }
    await expect(store.reader.scan(request, { signal: stop.signal })).rejects.toMatchObject({ code: 'query_cancelled' })
    await expect(store.reader.scan({ ...request, after: 'x' })).rejects.toMatchObject({ code: 'bad_cursor' })
  })
})
