import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type pg from 'pg'
import type { Clock } from '../../../base/clock.ts'
import { DiskQueue } from '../../../base/disk-queue.ts'
import type { PackedSamples } from '../../../model/packed-samples.ts'
import type { MetricMetadata } from '../../../model/series.ts'
import type { MetricExtras, MetricStep, MovedSamples } from '../../metric-move.ts'
import type { MetricWriteResult } from '../../metric-store.ts'
import type { HeadSeries } from '../../sqlite/metrics/head-series.ts'
import { MetricMemory } from '../../sqlite/metrics/metric-memory.ts'
import { BlockEncoder, Part } from '../../sqlite/metrics/sample-block.ts'
import { readLogRow } from '../../sqlite/metrics/sample-log.ts'
import { isAway, isServerTrouble } from '../postgres-error.ts'
import { ForeignSamples } from './foreign-samples.ts'
import {
  byteaBytes,
  ensureChunkDay,
  insertChunks,
  insertSeries,
  type NewChunk,
  seriesHash,
  unlessDamaged,
} from './metric-tables.ts'
import { countMoves, endMetricMove, movedChunks, noteStep, readMark, writeExtras } from './move-metrics.ts'

const DAY_MS = 86_400_000
/** The log is moved into chunks when it holds so many samples, or its oldest is so old. */
const LOG_SAMPLES = 2_000_000
const LOG_AGE_MS = 3_600_000
const CHUNKS_A_STEP = 2000
const FOLLOW_MS = 250

export interface KeeperOptions {
  schema: string
  hostId: string
  queueDir: string
  queueBytes: number
  durable: boolean
}

/** What one flush stores; waits on disk while the server is away. */
interface FlushEntry {
  uid: string
  series: { hash: string; key: string }[]
  metadata: MetricMetadata[]
  exemplars: { hash: string; time: number; value: number; labels: string }[]
  samples: number
  /** Hashes of the series that the numbers in `data` stand for. */
  ids: string[]
  data: Uint8Array
}

/**
 * Metrics in the writing thread: the series and recent samples of all hosts in memory, a log of our own in the database,
 * and from it chunks. The asker gives the connection and sees to it that one thing is done at a time.
 */
export class MetricKeeper {
  readonly #options: KeeperOptions
  readonly #clock: Clock
  readonly memory: MetricMemory
  readonly #foreign = new ForeignSamples()
  readonly #queue: DiskQueue
  /** What this run put on disk. */
  readonly #kept = new Set<string>()
  readonly #hashes = new Map<number, string>()
  readonly #locals = new Map<string, number>()
  #seriesRead = 0
  #logSamples = 0
  #logSinceMs: number | null = null
  #followedMs = Number.NEGATIVE_INFINITY
  /** Moves whose samples we know of. */
  #moves = 0
  /** Of the newest chunks that this host made. */
  #stampMs = 0
  #recovered = false

  constructor(options: KeeperOptions, clock: Clock) {
    this.#options = options
    this.#clock = clock
    this.memory = new MetricMemory(() => this.#nowMs())
    this.memory.others = (id) => this.#foreign.of(id)
    this.#queue = new DiskQueue(join(options.queueDir, 'metrics'), '.flush', () => options.queueBytes)
  }

  #nowMs(): number {
    return this.#clock.nowUs() / 1000
  }

  write(batch: PackedSamples): MetricWriteResult {
    return this.memory.write(batch)
  }

  get dirty(): boolean {
    return this.memory.dirty || this.#queue.length > 0
  }

  /** What an earlier run of this host left in the log, and all series. Once, at the first connection. */
  async recover(client: pg.ClientBase): Promise<void> {
    if (this.#recovered) return
    const { schema, hostId } = this.#options
    await this.#readSeries(client)
    this.#moves = await countMoves(client, schema)
    await this.#readRanges(client)
    const { rows: metadata } = await client.query(`SELECT metric, type, unit, help FROM ${schema}._metric_metadata`)
    for (const one of metadata as MetricMetadata[]) this.memory.knowMetadata(one)
    const { rows } = await client.query(
      `SELECT series, data, samples FROM ${schema}._metric_log WHERE host = $1 ORDER BY id`,
      [hostId],
    )
    for (const { series, data, samples } of rows as { series: string; data: string; samples: number }[]) {
      this.#remember(series.slice(1, -1).split(','), byteaBytes(data))
      this.#logSamples += samples
    }
    if (this.#logSamples > 0) this.#logSinceMs = this.#nowMs()
    this.#recovered = true
  }

  /** Series that hosts have made since the last time. */
  async #readSeries(client: pg.ClientBase): Promise<void> {
    // One whose transaction took long may come after so many later ones.
    const { rows } = await client.query(
      `SELECT id::text AS id, n, key FROM ${this.#options.schema}._metric_series WHERE n > $1 ORDER BY n`,
      [this.#seriesRead - 64],
    )
    for (const { id, n, key } of rows as { id: string; n: number; key: string }[]) {
      this.#seriesRead = Math.max(this.#seriesRead, n)
      if (this.#locals.has(id)) continue
      const text = (JSON.parse(key) as string[]).join('\0')
      const series = this.memory.byKey.get(text) ?? this.memory.know(this.memory.nextId, text)
      this.#name(series.id, id)
    }
  }

  #name(id: number, hash: string): void {
    this.#hashes.set(id, hash)
    this.#locals.set(hash, id)
  }

  async #readRanges(client: pg.ClientBase): Promise<void> {
    const { rows } = await client.query(
      `SELECT series::text AS series, min(start) AS first, max(until) AS last FROM ${this.#options.schema}._metric_chunks GROUP BY 1`,
    )
    for (const { series, first, last } of rows as { series: string; first: number; last: number }[]) {
      this.memory.byId.get(this.#locals.get(series) ?? -1)?.noteBlocks(first, last)
    }
  }

  /** Learns what other hosts have stored, a moment ago at the latest. */
  async follow(client: pg.ClientBase): Promise<void> {
    if (this.#clock.monotonicMs() - this.#followedMs < FOLLOW_MS) return
    await this.#readSeries(client)
    const { schema, hostId } = this.#options
    const moves = await countMoves(client, schema)
    if (moves !== this.#moves) await this.#readRanges(client)
    this.#moves = moves
    await this.#foreign.follow(client, schema, hostId, this.memory, (hash) => this.#locals.get(hash))
    this.#followedMs = this.#clock.monotonicMs()
  }

  #keep(entry: FlushEntry): boolean {
    if (this.#queue.push(`${entry.samples}`, serialize(entry)) !== 'kept') return false
    this.#kept.add(entry.uid)
    return true
  }

  /** Puts what came since the last time on disk; for when the server is away. @returns whether there was room */
  keep(): boolean {
    if (!this.memory.dirty) return true
    const entry = this.#entry()
    if (!this.#keep(entry)) return false
    this.#took(entry)
    return true
  }

  /**
   * Stores what waits on disk, then what came since the last time. What is not stored now waits on disk.
   * @param refused told of what cannot be stored at all, or not be kept
   * @throws what the driver throws while the server is away or takes nothing
   */
  async flush(client: pg.ClientBase, refused: (samples: number, error: Error) => void): Promise<void> {
    for (let waiting = this.#queue.peek(); waiting; waiting = this.#queue.peek()) {
      try {
        if (waiting.body) await this.#storeKept(client, deserialize(waiting.body) as FlushEntry)
        else refused(Number(waiting.tag), new Error('the file is damaged'))
      } catch (error) {
        if (isAway(error) || isServerTrouble(error)) throw error
        refused(Number(waiting.tag), error as Error)
      }
      this.#queue.shift()
    }
    if (!this.memory.dirty) return
    const entry = this.#entry()
    // Samples that come while it is stored are not in it: they are the next one's.
    this.#took(entry)
    try {
      await this.#store(client, entry)
    } catch (error) {
      const later = isAway(error) || isServerTrouble(error)
      if (!later || !this.#keep(entry)) refused(entry.samples, error as Error)
      if (later) throw error
    }
  }

  /** What waited on disk; of an earlier run it is not in memory yet. */
  async #storeKept(client: pg.ClientBase, entry: FlushEntry): Promise<void> {
    await this.#store(client, entry)
    if (this.#kept.delete(entry.uid) || entry.samples === 0) return
    await this.#readSeries(client)
    this.#remember(entry.ids, entry.data)
    this.#logSamples += entry.samples
    this.#logSinceMs ??= this.#nowMs()
  }

  /** Puts samples of our own log into memory. */
  #remember(hashes: readonly string[], data: Uint8Array): void {
    const ids = hashes.map((hash) => this.#locals.get(hash))
    unlessDamaged(() =>
      readLogRow(data, (index, time, value, kind, histogram) => {
        this.memory.byId.get(ids[index] ?? -1)?.append(time, value, kind, histogram, Number.POSITIVE_INFINITY)
      }),
    )
  }

  #entry(): FlushEntry {
    const { series, metadata, exemplars, samples } = this.memory.unsaved
    for (const { id, key } of series) if (!this.#hashes.has(id)) this.#name(id, seriesHash(key))
    const ids: string[] = []
    const indexOf = new Map<number, number>()
    const indexes = samples.ids.map((id) => {
      let index = indexOf.get(id)
      if (index === undefined) {
        index = ids.push(this.#hashes.get(id) ?? '') - 1
        indexOf.set(id, index)
      }
      return index
    })
    return {
      uid: randomUUID(),
      series: series.map(({ id, key }) => ({ hash: this.#hashes.get(id) ?? '', key })),
      metadata: metadata.map(cleanMetadata),
      exemplars: exemplars.map(({ id, exemplar }) => ({
        hash: this.#hashes.get(id) ?? '',
        time: exemplar.time,
        value: exemplar.value,
        labels: JSON.stringify(exemplar.labels),
      })),
      samples: samples.count,
      ids,
      data: samples.count > 0 ? samples.encode(indexes) : new Uint8Array(0),
    }
  }

  #took(entry: FlushEntry): void {
    this.memory.saved()
    this.#logSamples += entry.samples
    this.#logSinceMs ??= this.#nowMs()
  }

  async #store(client: pg.ClientBase, entry: FlushEntry): Promise<void> {
    const { schema, hostId } = this.#options
    const { series, metadata, exemplars } = entry
    await client.query('BEGIN')
    try {
      await insertSeries(client, schema, series)
      if (metadata.length > 0) {
        const columns = (['metric', 'type', 'unit', 'help'] as const).map((name) => metadata.map((one) => one[name]))
        await client.query(
          `INSERT INTO ${schema}._metric_metadata SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
           ON CONFLICT (metric) DO UPDATE SET type = excluded.type, unit = excluded.unit, help = excluded.help`,
          columns,
        )
      }
      // Exemplars come with the log's row: a flush that was stored already brings nothing more.
      const stored = await client.query(
        `INSERT INTO ${schema}._metric_log (uid, host, samples, series, data) VALUES ($1, $2, $3, $4::int8[], $5)
         ON CONFLICT (uid) DO NOTHING`,
        [entry.uid, hostId, entry.samples, entry.ids, Buffer.from(entry.data)],
      )
      if (stored.rowCount === 1 && exemplars.length > 0) {
        await client.query(
          `INSERT INTO ${schema}._metric_exemplars SELECT * FROM unnest($1::int8[], $2::int8[], $3::float8[], $4::text[])`,
          [
            exemplars.map(({ hash }) => hash),
            exemplars.map(({ time }) => Math.round(time)),
            exemplars.map(({ value }) => value),
            exemplars.map(({ labels }) => labels),
          ],
        )
      }
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
  }

  get checkpointDue(): boolean {
    if (this.#logSinceMs === null) return false
    return this.#logSamples >= LOG_SAMPLES || this.#nowMs() - this.#logSinceMs >= LOG_AGE_MS
  }

  /** Moves all samples of our log into chunks, in one transaction, and out of memory. */
  async checkpoint(client: pg.ClientBase): Promise<void> {
    const { schema, hostId, durable } = this.#options
    const now = this.#nextStamp()
    const day = Math.floor(now / DAY_MS)
    const written: { series: HeadSeries; count: number }[] = []
    await client.query('BEGIN')
    try {
      const { rows } = await client.query(
        `SELECT coalesce(max(id), 0) AS last FROM ${schema}._metric_log WHERE host = $1`,
        [hostId],
      )
      await ensureChunkDay(client, schema, day, durable)
      let chunks: NewChunk[] = []
      for (const [id, series] of this.memory.byId) {
        if (series.times.length === 0) continue
        const hash = this.#hashes.get(id)
        if (hash === undefined) continue
        chunks.push(chunkOf(hash, series, now))
        written.push({ series, count: series.times.length })
        if (chunks.length < CHUNKS_A_STEP) continue
        await insertChunks(client, schema, day, chunks)
        chunks = []
      }
      await insertChunks(client, schema, day, chunks)
      await client.query(`DELETE FROM ${schema}._metric_log WHERE host = $1 AND id <= $2`, [
        hostId,
        (rows[0] as { last: number }).last,
      ])
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
    // A series that grew meanwhile keeps all of it in memory: what it has is in the log or in the chunk, never in neither.
    for (const { series, count } of written) if (series.times.length === count) series.clear()
    this.#logSamples = 0
    this.#logSinceMs = this.memory.dirty ? this.#nowMs() : null
  }

  /** The time now, ms, but never that of chunks made before. */
  #nextStamp(): number {
    this.#stampMs = Math.max(Math.floor(this.#nowMs()), this.#stampMs + 1)
    return this.#stampMs
  }

  /** The place after all chunks and logs of now; for a move, after a checkpoint. */
  mark(client: pg.ClientBase): Promise<string> {
    return readMark(client, this.#options.schema, this.#stampMs)
  }

  /** Samples of a move as chunks; see MetricMoves. One transaction. */
  async writeMoved(client: pg.ClientBase, samples: MovedSamples[], step: MetricStep): Promise<void> {
    const { schema, durable } = this.#options
    const keys = [...new Set(samples.map(({ key }) => key))]
    const fresh = keys.filter((key) => !this.memory.byKey.has(key)).map((key) => ({ key, hash: seriesHash(key) }))
    await client.query('BEGIN')
    try {
      const stamp = await noteStep(client, schema, step, this.#nextStamp())
      const day = Math.floor(stamp / DAY_MS)
      await insertSeries(client, schema, fresh)
      await ensureChunkDay(client, schema, day, durable)
      await insertChunks(client, schema, day, movedChunks(samples, stamp))
      await client.query('COMMIT')
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined)
      throw error
    }
    for (const { key, hash } of fresh) this.#name(this.memory.know(this.memory.nextId, key).id, hash)
    for (const { key, times } of samples) {
      this.memory.byKey.get(key)?.noteBlocks(times[0], times[times.length - 1])
    }
  }

  async writeExtras(client: pg.ClientBase, extras: MetricExtras): Promise<void> {
    await writeExtras(client, this.#options.schema, extras)
    for (const one of extras.metadata) this.memory.knowMetadata(one)
  }

  async endMove(client: pg.ClientBase, move: string, undo: boolean): Promise<void> {
    this.forget(await endMetricMove(client, this.#options.schema, move, undo))
  }

  /** The tables were emptied. */
  forgetAll(): void {
    this.memory.forget(new Set(this.memory.byId.keys()))
    this.#hashes.clear()
    this.#locals.clear()
    this.#logSamples = 0
    this.#logSinceMs = null
  }

  /** Forgets series of which nothing is left anywhere. */
  forget(hashes: ReadonlySet<string>): void {
    const gone = new Set<number>()
    for (const hash of hashes) {
      const id = this.#locals.get(hash)
      if (id === undefined || this.memory.byId.get(id)?.times.length !== 0) continue
      gone.add(id)
      this.#locals.delete(hash)
      this.#hashes.delete(id)
    }
    this.memory.forget(gone)
  }
}

/** Text as the database takes it. */
function cleanMetadata({ metric, type, unit, help }: MetricMetadata): MetricMetadata {
  const clean = (text: string): string => text.replaceAll('\0', '').toWellFormed()
  return { metric: clean(metric), type, unit: clean(unit), help: clean(help) }
}

function chunkOf(hash: string, series: HeadSeries, received: number): NewChunk {
  const encoder = new BlockEncoder()
  encoder.add(0, Part.samples, series)
  const data = encoder.finish()
  return { series: hash, kind: 0, start: encoder.start, until: encoder.end, samples: encoder.samples, received, data }
}
