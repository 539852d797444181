import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import type { Exemplar } from '../../../model/series.ts'
import { seriesKey } from '../../../model/series-key.ts'
import { mergeDaySums } from '../../content-sum.ts'
import {
  METRIC_SCAN_SAMPLES,
  type MetricExtras,
  type MetricScanPart,
  type MetricScanRequest,
  type MetricStep,
  type MovedSamples,
} from '../../metric-move.ts'
import { byDay, metricSums } from '../../metric-sum.ts'
import type { QueryGuard } from '../read/query-guard.ts'
import { clip, mergeSamples } from './merge-samples.ts'
import type { MetricMemory } from './metric-memory.ts'
import { BlockEncoder, type Part, type ReadSamples, readBlock } from './sample-block.ts'
import { scanExemplars, scanMetadata } from './scan-samples.ts'
import { GROUP_BITS } from './tables.ts'

const DAY_MS = 86_400_000
const keyOf = ({ move, step }: MetricStep): string => `move-metrics:${move}:${step}`

/** First and last id of each run of blocks that a step brought. */
type Runs = [number, number][]

function runsOf(db: Database.Database, step: MetricStep): Runs {
  const text = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(keyOf(step)) as string | undefined
  return text === undefined ? [] : (JSON.parse(text) as Runs)
}

/** The id of the newest block. */
export function blockMark(db: Database.Database): string {
  return String(db.prepare('SELECT coalesce(max(id), 0) FROM metric_block').pluck().get())
}

interface BlockRow {
  grp: number
  id: number
  kind: 0 | 1
  received: number
  data: Uint8Array
}

/** Reads group by group. What the log holds is not seen: a mark is taken first. Damaged blocks are passed over. */
export function scanBlocks(db: Database.Database, guard: QueryGuard, request: MetricScanRequest): MetricScanPart {
  const { after, from, brought, since, sumsOnly } = request
  const within =
    brought === null ? `id > ${Number(from ?? 0)}` : runsOf(db, brought).map(([a, b]) => `id BETWEEN ${a} AND ${b}`)
  const wanted = typeof within === 'string' ? within : within.length === 0 ? 'false' : `(${within.join(' OR ')})`
  const rows = db
    .prepare(
      `SELECT grp, id, kind, received, data FROM metric_block WHERE grp > ? AND kind < 2 AND ${wanted} ORDER BY grp, start, id`,
    )
    .iterate(after === null ? -1 : Number(after)) as Iterable<BlockRow>
  const part: MetricScanPart = { samples: [], sums: [], cursor: after ?? '-1', done: true }
  let count = 0
  let group: BlockRow[] = []
  const take = (): void => {
    if (group.length === 0) return
    const found = samplesOf(db, group, since)
    count += found.reduce((sum, { times }) => sum + times.length, 0)
    part.sums = mergeDaySums(part.sums, metricSums(found))
    if (!sumsOnly) part.samples.push(...found)
    part.cursor = String(group[0].grp)
    group = []
  }
  for (const row of rows) {
    guard.check()
    if (group.length > 0 && group[0].grp !== row.grp) {
      take()
      if (count >= METRIC_SCAN_SAMPLES) {
        part.done = false
        return part
      }
    }
    group.push(row)
  }
  take()
  return part
}

/** The samples of one group's blocks, merged by series and apart by day. */
function samplesOf(db: Database.Database, blocks: BlockRow[], since: number | null): MovedSamples[] {
  const found = new Map<string, { id: number; kind: 0 | 1; part: Part; parts: ReadSamples[]; received: number }>()
  for (const { kind, data, received } of blocks) {
    try {
      readBlock(
        data,
        () => true,
        (id, part, samples) => {
          const name = `${id} ${kind} ${part}`
          const one = found.get(name) ?? { id, kind, part, parts: [], received: 0 }
          found.set(name, one)
          one.parts.push(samples)
          one.received = Math.max(one.received, received)
        },
      )
    } catch (error) {
      if (!(error instanceof GlassboxError) || error.code !== 'data_damaged') throw error
    }
  }
  const label = db.prepare('SELECT labels FROM metric_series WHERE id = ?').pluck()
  return [...found.values()]
    .sort((x, y) => x.id - y.id || x.kind - y.kind || x.part - y.part)
    .flatMap(({ id, kind, part, parts, received }) => {
      const labels = label.get(id) as string | undefined
      const merged = mergeSamples(parts)
      const kept = since === null ? merged : clip(merged, since, Number.MAX_SAFE_INTEGER - 1)
      if (labels === undefined || !kept) return []
      return byDay({ key: (JSON.parse(labels) as string[]).join('\0'), kind, part, received, ...kept })
    })
}

export function scanExtras(db: Database.Database): MetricExtras {
  const exemplars = [...scanExemplars(db)].flatMap(({ series, exemplars: own }) =>
    own.map((exemplar) => ({ key: seriesKey(series), exemplar })),
  )
  return { metadata: scanMetadata(db), exemplars }
}

/** Writes samples into blocks of their own, one a group, kind and day, and notes their ids under the step. */
export function writeBlocks(
  db: Database.Database,
  memory: MetricMemory,
  samples: MovedSamples[],
  step: MetricStep,
  nowMs: number,
): void {
  const fresh = new Map<string, number>()
  let next = memory.nextId
  const idOf = (key: string): number => {
    const known = memory.byKey.get(key)?.id ?? fresh.get(key)
    if (known !== undefined) return known
    fresh.set(key, next)
    return next++
  }
  const blocks = new Map<string, { group: number; kind: 0 | 1; entries: (MovedSamples & { id: number })[] }>()
  for (const one of samples) {
    const id = idOf(one.key)
    const group = id >>> GROUP_BITS
    const name = `${group} ${one.kind} ${Math.floor(one.times[0] / DAY_MS)}`
    const block = blocks.get(name) ?? { group, kind: one.kind, entries: [] }
    blocks.set(name, block)
    block.entries.push({ ...one, id })
  }
  db.transaction(() => {
    const series = db.prepare('INSERT OR REPLACE INTO metric_series (id, labels) VALUES (?, ?)')
    for (const [key, id] of fresh) series.run(id, JSON.stringify(key.split('\0')))
    const insert = db.prepare(
      'INSERT INTO metric_block (grp, kind, start, end, samples, received, bytes, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    )
    const ids: number[] = []
    for (const { group, kind, entries } of blocks.values()) {
      const encoder = new BlockEncoder()
      for (const one of entries.sort((x, y) => x.id - y.id || x.part - y.part)) encoder.add(one.id, one.part, one)
      const { start, end, samples: count } = encoder
      const data = encoder.finish()
      const received = Math.min(nowMs, Math.max(...entries.map((one) => one.received)))
      ids.push(Number(insert.run(group, kind, start, end, count, received, data.length, data).lastInsertRowid))
    }
    const runs = ids.length === 0 ? [] : [[Math.min(...ids), Math.max(...ids)]]
    const place = JSON.stringify([...runsOf(db, step), ...runs])
    db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(keyOf(step), place)
  })()
  for (const [key, id] of fresh) memory.know(id, key)
  for (const { key, times } of samples) {
    memory.byKey.get(key)?.noteBlocks(times[0], times[times.length - 1])
  }
}

export function writeExtras(db: Database.Database, memory: MetricMemory, { metadata, exemplars }: MetricExtras): void {
  db.transaction(() => {
    const meta = db.prepare('INSERT OR IGNORE INTO metric_metadata (metric, type, unit, help) VALUES (?, ?, ?, ?)')
    for (const { metric, type, unit, help } of metadata) meta.run(metric, type, unit, help)
    const insert = db.prepare(
      `INSERT INTO metric_exemplar (series, time, value, labels) SELECT @id, @time, @value, @labels
       WHERE NOT EXISTS (SELECT 1 FROM metric_exemplar WHERE series = @id AND time = @time AND value = @value AND labels = @labels)`,
    )
    for (const { key, exemplar } of exemplars) {
      const id = memory.byKey.get(key)?.id
      if (id !== undefined) insert.run({ id, ...exemplarRow(exemplar) })
    }
  })()
  for (const one of metadata) memory.knowMetadata(one)
}

function exemplarRow({ time, value, labels }: Exemplar): { time: number; value: number; labels: string } {
  return { time, value, labels: JSON.stringify(labels) }
}

/** Forgets the notes of a move's steps; with `undo` what they brought goes, and series of which nothing is left. */
export function endMetricMove(db: Database.Database, memory: MetricMemory, move: string, undo: boolean): void {
  const prefix = `move-metrics:${move}:`
  const notes = db.prepare('SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?').all(prefix.length, prefix) as {
    key: string
    value: string
  }[]
  const gone = new Set<number>()
  db.transaction(() => {
    for (const { key, value } of notes) {
      if (undo) {
        const remove = db.prepare('DELETE FROM metric_block WHERE id BETWEEN ? AND ?')
        for (const [first, last] of JSON.parse(value) as Runs) remove.run(first, last)
      }
      db.prepare('DELETE FROM meta WHERE key = ?').run(key)
    }
    if (!undo || notes.length === 0) return
    const live = new Set(db.prepare('SELECT DISTINCT grp FROM metric_block').pluck().all() as number[])
    for (const id of memory.quietIds()) if (!live.has(id >>> GROUP_BITS)) gone.add(id)
    for (const id of gone) db.prepare('DELETE FROM metric_series WHERE id = ?').run(id)
  })()
  memory.forget(gone)
}
