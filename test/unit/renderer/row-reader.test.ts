import { describe, expect, it } from 'vitest'
import type { Histogram } from '../../../core/api/contract/shapes.ts'
import { bucketize } from '../../../core/storage/sqlite/read/histogram.ts'
import { type HeldRows, RowReader, type RowSource } from '../../../renderer/app/list/row-reader.ts'

interface Row {
  id: number
  time: number
}

/** A list as the core answers it, and how often it was asked. */
function listOf(rows: readonly Row[], timed = true) {
  const asked = { pages: 0, rows: 0, counts: 0 }
  const newest = [...rows].sort((a, b) => b.time - a.time || b.id - a.id)
  const end = (newest[0]?.time ?? 0) + 1
  const source: RowSource<Row> = {
    key: (row) => String(row.id),
    async page({ end: before, cursor }, limit) {
      const after = cursor === null ? newest : newest.slice(Number(cursor))
      const skipped = cursor === null ? 0 : Number(cursor)
      const from = after.findIndex((row) => row.time < (before ?? end))
      const items = from === -1 ? [] : after.slice(from, from + limit)
      const next = skipped + from + items.length
      asked.pages++
      asked.rows += items.length
      return { items, nextCursor: items.length === limit && next < newest.length ? String(next) : null }
    },
    counts: timed ? async (start, stop, buckets) => histogram(start, stop, buckets) : null,
  }
  function histogram(start: number, stop: number, buckets: number): Histogram {
    asked.counts++
    const counts = bucketize(start, stop, buckets, ['ok', 'error'])
    for (const row of rows) if (row.time >= start && row.time < stop) counts.add(row.time, row.id % 2)
    return counts.finish()
  }
  const shown: HeldRows<Row>[] = []
  let renewed = 0
  const reader = new RowReader<Row>(
    (held) => shown.push(held),
    (error) => {
      throw error
    },
    () => {
      renewed++
    },
  )
  return {
    newest,
    asked,
    reader,
    shown,
    renewed: () => renewed,
    now: () => shown[shown.length - 1],
    async begin(): Promise<void> {
      reader.set(
        source,
        await source.page({ end: null, cursor: null }, 100, new AbortController().signal),
        timed ? histogram(0, end, 120) : null,
      )
    },
    /** Wants rows and waits until nothing more is read. */
    async look(first: number, last = first + 40): Promise<void> {
      reader.want(first, last)
      for (let before = -1; before !== asked.pages + asked.counts; ) {
        before = asked.pages + asked.counts
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}
const even = (count: number): Row[] => Array.from({ length: count }, (_, id) => ({ id, time: 1000 + id * 7 }))

describe('a list that is held in part', () => {
  it('has every row at its place, wherever one goes', async () => {
    const list = listOf(even(50_000))
    await list.begin()
    expect(list.now()).toMatchObject({ from: 0, total: 50_000 })
    for (const first of [49_960, 0, 25_000, 24_000, 12_345, 49_000, 300]) {
      await list.look(first)
      const { from, rows, total } = list.now()
      expect(total).toBe(50_000)
      expect(first).toBeGreaterThanOrEqual(from)
      expect(first + 40).toBeLessThanOrEqual(from + rows.length)
      expect(rows).toEqual(list.newest.slice(from, from + rows.length))
    }
    expect(list.asked.rows).toBeLessThan(15_000)
  })

  it('holds a few thousand rows from end to end', async () => {
    const list = listOf(even(30_000))
    await list.begin()
    for (let first = 0; first < 30_000; first += 100) {
      await list.look(first, Math.min(29_999, first + 40))
      const { from, rows } = list.now()
      expect(rows.length).toBeLessThanOrEqual(4000)
      expect(rows[first - from]).toEqual(list.newest[first])
    }
    for (let first = 29_900; first >= 0; first -= 100) {
      await list.look(first)
      const { from, rows } = list.now()
      expect(rows[first - from]).toEqual(list.newest[first])
    }
  })

  it('finds a row among thousands of one moment', async () => {
    const rows = even(20_000).map((row) => (row.id > 5000 && row.id < 15_000 ? { ...row, time: 50_000 } : row))
    const list = listOf(rows)
    await list.begin()
    await list.look(10_000)
    const { from, rows: held } = list.now()
    expect(held[10_000 - from]).toEqual(list.newest[10_000])
  })

  it('finds a row by its moment', async () => {
    const list = listOf(even(20_000))
    await list.begin()
    const index = await list.reader.find(1000 + 7 * 3333, ({ id }) => id === 3333)
    expect(index).toBe(19_999 - 3333)
    expect(list.now().rows[index - list.now().from].id).toBe(3333)
    expect(await list.reader.find(1, () => false)).toBe(-1)
    const ordered = listOf(even(3000), false)
    await ordered.begin()
    expect(await ordered.reader.find(0, ({ id }) => id === 1000)).toBe(1999)
  })

  it('reads on where only the order of rows is known', async () => {
    const list = listOf(even(3000), false)
    await list.begin()
    expect([list.now().total, list.reader.open]).toEqual([100, true])
    for (let first = 60; first < 3000 && list.reader.open; first = list.now().total - 40) await list.look(first)
    expect([list.now().total, list.reader.open]).toEqual([3000, false])
    expect(list.now().rows).toEqual(list.newest)
  })

  it('ends where the list ends, also when it was counted longer', async () => {
    const list = listOf(even(10_000))
    await list.begin()
    list.newest.length = 9000
    for (let before = 0; before !== list.now().total; ) {
      before = list.now().total
      await list.look(before - 20, before - 1)
    }
    expect(list.now().total).toBe(9000)
    expect(list.now().rows.at(-1)).toEqual(list.newest[8999])
  })

  it('is read anew when rows are wanted that the live tail brought and that were dropped since', async () => {
    const list = listOf(even(20_000))
    await list.begin()
    const fresh = [{ id: 99_999, time: 999_999 }]
    list.reader.prepend([...fresh, ...list.now().rows], 1)
    expect(list.now()).toMatchObject({ from: 0, total: 20_001 })
    await list.look(15_000)
    expect(list.now().rows[15_000 - list.now().from]).toEqual(list.newest[14_999])
    expect(list.renewed()).toBe(0)
    await list.look(0)
    expect(list.renewed()).toBe(1)
  })

  it('counts rows of the live tail while others are read', async () => {
    const list = listOf(even(20_000))
    await list.begin()
    await list.look(15_000)
    list.reader.prepend([], 3)
    const { from, rows, total } = list.now()
    expect([total, rows[15_003 - from]]).toEqual([20_003, list.newest[15_000]])
  })

  it('shows a list that is at hand whole', () => {
    const list = listOf([])
    list.reader.setAll(even(3))
    expect(list.now()).toEqual({ from: 0, rows: even(3), total: 3 })
    expect(list.reader.open).toBe(false)
  })
})
