import { createHash, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { constants, zstdCompress } from 'node:zlib'
import { release } from '../../base/release.ts'
import type { LogBatch, SpanBatch, TelemetryBatch } from '../../model/columns.ts'
import { selectRows } from '../../model/select-rows.ts'
import type { SeriesSamples } from '../../model/series.ts'
import { type ArchiveSecret, newKey } from './archive-key.ts'
import { ContainerWriter, type PartPlace, type Sink } from './container-writer.ts'
import { CHUNK_BYTES, FORMAT_VERSION, MAX_PART_BYTES } from './limits.ts'
import { encodeLogs } from './log-part.ts'
import { digestOf, type Manifest, type PartEntry, type PartKind } from './manifest.ts'
import { encodeSamples } from './sample-part.ts'
import { encodeSpans } from './span-part.ts'

const compress = promisify(zstdCompress)
/** Level 6 packs as well as 12 does here and is many times faster. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 6 } }
/** A part is closed at so many rows, or bytes of columns and texts. */
const ROWS_A_PART = 65_536
const BYTES_A_PART = 12 * 1024 * 1024
/** Parts that are compressed while the next one is encoded. */
const MOST_WAITING = 1

type Described = Omit<PartEntry, 'offset' | 'chunk' | 'stored' | 'raw' | 'sha256'>

/** Collects batches of one signal until they make a part. */
class Gathering<B extends TelemetryBatch> {
  batches: B[] = []
  rows = 0
  bytes = 0

  add(batch: B): boolean {
    this.batches.push(batch)
    this.rows += batch.n
    this.bytes += batch.dictionary.bytes.length + batch.attributes.keys.length * 13 + batch.n * 100
    return this.rows >= ROWS_A_PART || this.bytes >= BYTES_A_PART
  }

  take(): B[] {
    const { batches } = this
    this.batches = []
    this.rows = 0
    this.bytes = 0
    return batches
  }
}

/** Writes an archive as a stream; memory is bounded by a few parts. */
export class ArchiveWriter {
  readonly archive: string
  readonly createdAt: number
  #out: ContainerWriter
  #parts: PartEntry[] = []
  #waiting: Promise<void>[] = []
  #turn: Promise<void> = Promise.resolve()
  #failed: unknown = null
  #spans = new Gathering<SpanBatch>()
  #logs = new Gathering<LogBatch>()
  /** Bytes of bodies before compression so far. */
  rawBytes = 0

  private constructor(out: ContainerWriter, archive: string, createdAt: number) {
    this.#out = out
    this.archive = archive
    this.createdAt = createdAt
  }

  /** @param createdAt µs of the snapshot */
  static async begin(
    sink: Sink,
    secret: ArchiveSecret | null,
    createdAt: number,
    holds?: 'bundle',
  ): Promise<ArchiveWriter> {
    const archive = randomBytes(16).toString('hex')
    const sealed = secret ? await newKey(secret) : null
    const out = new ContainerWriter(sink, sealed?.key ?? null)
    const encryption = sealed?.parameters ?? null
    await out.begin({ archive, createdAt, chunkBytes: CHUNK_BYTES, encryption, ...(holds ? { holds } : {}) })
    return new ArchiveWriter(out, archive, createdAt)
  }

  get bytes(): number {
    return this.#out.offset
  }

  async spans(batch: SpanBatch): Promise<void> {
    if (batch.n > 0 && this.#spans.add(batch)) await this.#closeSpans(this.#spans.take())
  }

  async logs(batch: LogBatch): Promise<void> {
    if (batch.n > 0 && this.#logs.add(batch)) await this.#closeLogs(this.#logs.take())
  }

  async #closeSpans(batches: SpanBatch[]): Promise<void> {
    if (batches.length === 0) return
    const body = encodeSpans(batches)
    if (body.length > MAX_PART_BYTES && rowsOf(batches) > 1) {
      for (const half of halves(batches)) await this.#closeSpans(half)
      return
    }
    await this.#part({ kind: 'spans', ...describe(batches, (batch) => batch.startUs) }, body)
  }

  async #closeLogs(batches: LogBatch[]): Promise<void> {
    if (batches.length === 0) return
    const body = encodeLogs(batches)
    if (body.length > MAX_PART_BYTES && rowsOf(batches) > 1) {
      for (const half of halves(batches)) await this.#closeLogs(half)
      return
    }
    await this.#part({ kind: 'logs', ...describe(batches, (batch) => batch.timeUs) }, body)
  }

  /** A part of samples; at most `ROWS_A_PART` of them are best. */
  async samples(series: readonly SeriesSamples[]): Promise<void> {
    let first = Number.POSITIVE_INFINITY
    let last = Number.NEGATIVE_INFINITY
    let rows = 0
    for (const { times } of series) {
      if (times.length === 0) continue
      first = Math.min(first, times[0] * 1000)
      last = Math.max(last, times[times.length - 1] * 1000)
      rows += times.length
    }
    if (rows === 0) return
    await this.#part({ kind: 'samples', rows, first, last, services: null }, encodeSamples(series))
  }

  /** A part of JSON, one row a line. */
  async lines(
    kind: PartKind & ('config' | 'exemplars' | 'metadata'),
    rows: readonly unknown[],
    table?: string,
  ): Promise<void> {
    if (rows.length === 0 && kind !== 'config') return
    const body = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
    await this.#part(
      { kind, rows: rows.length, first: null, last: null, services: null, ...(table ? { table } : {}) },
      body,
    )
  }

  async #part(entry: Described, body: Uint8Array): Promise<void> {
    if (body.length > MAX_PART_BYTES) throw new RangeError('one row is larger than a part of an archive may be')
    this.rawBytes += body.length
    const packed = compress(body, LEVEL)
    const sha256 = createHash('sha256').update(body).digest('hex')
    const before = this.#turn
    const written = (async () => {
      const [bytes] = await Promise.all([packed, before])
      const raw = body.length
      release(body)
      if (this.#failed) return
      const place = this.#out.place()
      await this.#write(entry.kind, bytes, raw, entry.rows)
      this.#parts.push({ ...entry, ...place, stored: bytes.length, raw, sha256 })
    })().catch((error: unknown) => {
      this.#failed ??= error
    })
    this.#turn = written
    this.#waiting.push(written)
    if (this.#waiting.length > MOST_WAITING) await this.#waiting.shift()
    if (this.#failed) throw this.#failed
  }

  async #write(kind: string, bytes: Uint8Array, raw: number, rows: number): Promise<void> {
    const head = Buffer.from(JSON.stringify({ kind, rows, raw, stored: bytes.length }))
    const length = Buffer.alloc(4)
    length.writeUInt32LE(head.length)
    await this.#out.write(length)
    await this.#out.write(head)
    await this.#out.write(bytes)
    if (kind !== 'manifest') await this.#out.endPart()
  }

  /** Writes what is left, then the manifest. */
  async finish(
    about: Pick<
      Manifest,
      'kind' | 'product' | 'engine' | 'content' | 'base' | 'position' | 'days' | 'warnings' | 'about'
    >,
  ): Promise<Manifest> {
    await this.#closeSpans(this.#spans.take())
    await this.#closeLogs(this.#logs.take())
    await Promise.all(this.#waiting)
    if (this.#failed) throw this.#failed
    const manifest: Manifest = {
      format: FORMAT_VERSION,
      archive: this.archive,
      createdAt: this.createdAt,
      ...about,
      parts: this.#parts,
      digest: digestOf(this.#parts),
    }
    const place: PartPlace = this.#out.place()
    const body = Buffer.from(JSON.stringify(manifest))
    await this.#write('manifest', await compress(body, LEVEL), body.length, 1)
    await this.#out.finish(place)
    return manifest
  }
}

const rowsOf = (batches: readonly TelemetryBatch[]): number => batches.reduce((sum, { n }) => sum + n, 0)

/** Rows whose body would be too large for one part, as two lots. */
function halves<B extends TelemetryBatch>(batches: B[]): B[][] {
  if (batches.length > 1) {
    const middle = Math.ceil(batches.length / 2)
    return [batches.slice(0, middle), batches.slice(middle)]
  }
  const [batch] = batches
  const first = new Uint8Array(batch.n)
  first.fill(1, 0, Math.ceil(batch.n / 2))
  return [
    [selectRows(batch, first)],
    [
      selectRows(
        batch,
        first.map((one) => 1 - one),
      ),
    ],
  ]
}

function describe<B extends TelemetryBatch>(batches: B[], time: (batch: B) => Float64Array): Omit<Described, 'kind'> {
  let first = Number.POSITIVE_INFINITY
  let last = Number.NEGATIVE_INFINITY
  const services = new Set<string>()
  for (const batch of batches) {
    for (const at of time(batch)) {
      if (at < first) first = at
      if (at > last) last = at
    }
    for (const resource of new Set(batch.resource)) services.add(batch.resources[resource].service)
  }
  return { rows: rowsOf(batches), first, last, services: [...services].sort() }
}
