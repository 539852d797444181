import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { boundsOf } from '../../../core/storage/sqlite/metrics/sql-bounds.ts'
import { BlockCache } from '../../../core/storage/sqlite/read/block-cache.ts'
import { QueryGuard } from '../../../core/storage/sqlite/read/query-guard.ts'
import { openReadConnection } from '../../../core/storage/sqlite/read/read-methods.ts'
import { runSql } from '../../../core/storage/sqlite/read/sql.ts'
import { TestMetrics } from './test-metrics.ts'

const NOW = Date.UTC(2026, 5, 10, 12)
const ALL = { metrics: null, startMs: 0, endMs: Number.MAX_SAFE_INTEGER }

describe('bounds of a SELECT', () => {
  it.each([
    ["select * from _metrics where metric = 'up'", { ...ALL, metrics: ['up'] }],
    [
      "select * from _metrics where metric in ('a', 'b') and time >= 5000 limit 3",
      { ...ALL, metrics: ['a', 'b'], startMs: 5 },
    ],
    [
      "select * from _metrics m where m.metric = 'it''s' AND m.time between 1500 and 2500",
      { metrics: ["it's"], startMs: 1, endMs: 3 },
    ],
    ['select sum(value) from _metrics where 9000 > time and value > 3 group by metric', { ...ALL, endMs: 9 }],
    ["select _metrics.value from _metrics where _metrics.metric = 'a' and metric = 'b'", { ...ALL, metrics: [] }],
  ])('%s', (query, wanted) => {
    expect(boundsOf(query)).toEqual(wanted)
  })

  it.each([
    "select * from _metrics where metric = 'up' or value > 3",
    "select * from _metrics where not metric = 'up'",
    "select metric = 'up' from _metrics",
    "select * from _metrics where metric = 'up' || 'x'",
    "select metric from _metrics group by metric having metric = 'up'",
    "select * from _metrics a join _metrics b on a.metric = 'up'",
    "select * from _metrics, _logs where metric = 'up'",
    "select * from _metrics a, _metrics b where a.metric = 'up'",
    "select (select count(*) from _metrics where metric = 'up') from _metrics",
    "select * from _metrics where value = 1 -- and metric = 'up'",
    "select ' where metric = ''up''' from _metrics",
    'select * from _metrics where time > 5 * 1000',
    "select * from _metrics where metric = 'UP' collate nocase",
    "with x as (select * from _metrics where metric = 'a') select * from x",
    "select case when value > 1 and metric = 'up' then 1 end from _metrics",
  ])('nothing is taken from %s', (query) => {
    expect(boundsOf(query)).toEqual(ALL)
  })
})

describe('_metrics', () => {
  let store: TestMetrics
  beforeEach(() => {
    store = new TestMetrics(NOW)
  })
  afterEach(() => store.close())

  const sql = (query: string, limit = 1000) => {
    store.writer.metrics.flush()
    const db = openReadConnection(store.dataDir)
    try {
      return runSql(db, new BlockCache(db), new QueryGuard(new Int32Array(new SharedArrayBuffer(4))), query, limit)
    } finally {
      db.close()
    }
  }
  const write = (name: string, time: number, value: number, kind = 0): void => {
    store.write([
      {
        labels: [
          ['__name__', name],
          ['job', 'shop'],
        ],
        time,
        value,
        kind,
      },
    ])
  }

  it('holds samples of blocks and of the log, each once, without stale markers', () => {
    for (let i = 0; i < 10; i++) write('up', NOW - 100_000 + i * 1000, i)
    store.writer.compact()
    for (let i = 10; i < 15; i++) write('up', NOW - 100_000 + i * 1000, i)
    write('up', NOW, Number.NaN, 1)
    write('other', NOW, 7)
    const { columns, rows } = sql("select * from _metrics where metric = 'up' order by time")
    expect(columns).toEqual(['metric', 'labels', 'time', 'value', 'type', 'histogram'])
    expect(rows.map((row) => row[3])).toEqual(Array.from({ length: 15 }, (_, i) => i))
    expect(rows[0]).toEqual(['up', '{"job":"shop"}', (NOW - 100_000) * 1000, 0, null, null])
    const since = (NOW - 95_000) * 1000
    expect(sql(`select count(*), sum(value) from _metrics where metric = 'up' and time > ${since}`).rows).toEqual([
      [9, 90],
    ])
    expect(sql("select metric, json_extract(labels, '$.job') from _metrics group by 1 order by 1").rows).toEqual([
      ['other', 'shop'],
      ['up', 'shop'],
    ])
  })

  it('refuses writes and stops at the limit', () => {
    for (let i = 0; i < 5; i++) write('up', NOW - i * 1000, i)
    expect(sql('select value from _metrics', 2)).toMatchObject({ truncated: true, rows: [[4], [3]] })
    expect(() => sql('delete from _metrics')).toThrow()
  })
})
