/**
 * `node test/bench/backup.ts [--spans N]`: speed and size of backup, verify and restore, with a raw limit of the same run.
 * Spans have 10 attributes and ids that never repeat; MB are those of the OTLP protobuf bodies they came as.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Database from 'better-sqlite3'
import { backupToFile, stageTelemetry, verifyPlaces } from '../../core/backup/operations.ts'
import { everything } from '../../core/backup/restore-telemetry.ts'
import { defaultSettings } from '../../core/config/settings.ts'
import { decodeTracesProtobuf } from '../../core/formats/otlp/decode-protobuf.ts'
import { Writer } from '../../core/storage/sqlite/writer.ts'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../fixtures/random-spans.ts'
import { show } from './server.ts'

const { values } = parseArgs({ options: { spans: { type: 'string', default: '400000' } } })
const total = Number(values.spans)
const root = mkdtempSync(join(tmpdir(), 'glassbox-bench-backup-'))
const dataDir = join(root, 'data')
mkdirSync(dataDir)
let rawBytes = 0

interface PlainSpan extends Record<string, unknown> {
  status?: { code: number }
  attributes: { key: string; value: Record<string, unknown> }[]
}

/** The same spans as plain rows with an index over trace ids: what a program without blocks would store. */
class PlainRows {
  readonly file = join(root, 'plain.db')
  #db = new Database(this.file)
  #insert: Database.Statement

  constructor() {
    this.#db.exec(`CREATE TABLE span (trace_id TEXT, span_id TEXT, parent_id TEXT, service TEXT, name TEXT, kind INTEGER,
      start TEXT, end TEXT, status INTEGER, attributes TEXT); CREATE INDEX by_trace ON span (trace_id)`)
    this.#insert = this.#db.prepare('INSERT INTO span VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
  }

  add(bodies: Record<string, unknown>[][]): void {
    this.#db.transaction(() => {
      for (const { resource, scopeSpans } of bodies.flat() as {
        resource: { attributes: [{ value: { stringValue: string } }] }
        scopeSpans: [{ spans: PlainSpan[] }]
      }[])
        for (const span of scopeSpans[0].spans)
          this.#insert.run(
            span['traceId'],
            span['spanId'],
            span['parentSpanId'],
            resource.attributes[0].value.stringValue,
            span['name'],
            span['kind'],
            span['startTimeUnixNano'],
            span['endTimeUnixNano'],
            span.status?.code ?? 0,
            JSON.stringify(Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))),
          )
    })()
  }

  /** Bytes of the whole file compressed. */
  packed(): number {
    this.#db.close()
    return packedBytes(this.file)
  }
}

function packedBytes(file: string): number {
  execFileSync('zstd', ['-q', '-3', '-f', file, '-o', `${file}.zst`])
  return statSync(`${file}.zst`).size
}
const plain = new PlainRows()

function fill(): void {
  const begin = Date.now() - 6 * 3_600_000
  const clock = {
    nowUs: () => Date.now() * 1000,
    monotonicMs: () => performance.now(),
    witness: () => ({ wallUs: Date.now() * 1000, uptimeMs: performance.now(), boot: null }),
  }
  const writer = new Writer({ dataDir, reserveBytes: 0 }, clock, () => undefined)
  for (let seed = 0; seed * 1000 < total; seed += 8) {
    const spans = Array.from({ length: 8 }, (_, i) =>
      randomResourceSpans(1000, 10, seed + i, begin + (seed + i) * 1000),
    )
    const bodies = spans.map(encodeTraces)
    for (const body of bodies) rawBytes += body.length
    plain.add(spans)
    writer.write(
      bodies.map((body) => decodeTracesProtobuf(body, Date.now() * 1000).batch),
      [],
    )
  }
  writer.compact()
  writer.stop()
}

const memory = { peak: 0 }
const watch = setInterval(() => {
  memory.peak = Math.max(memory.peak, process.memoryUsage.rss())
}, 50)
const hooks = { signal: AbortSignal.timeout(600_000), progress: () => undefined }
const mb = (bytes: number, ms: number): string => `${(bytes / 1e6 / (ms / 1000)).toFixed(1)} MB/s`

try {
  fill()
  const copy = join(root, 'copy.db')
  const source = new Database(join(dataDir, 'auxiliary.db'), { readonly: true })
  await source.backup(copy)
  source.close()
  const packed = packedBytes(copy)
  const plainBytes = plain.packed()
  const order = {
    dataDir,
    storage: defaultSettings.storage,
    kind: 'full' as const,
    base: null,
    config: [],
    warnings: [],
    product: 'bench',
    nowUs: Date.now() * 1000,
  }
  const idle = process.memoryUsage.rss()
  memory.peak = 0
  for (const [name, secret] of [
    ['in the clear', null],
    ['encrypted', { password: 'bench' }],
  ] as const) {
    const before = process.cpuUsage()
    const begun = performance.now()
    const made = await backupToFile({ ...order, secret, to: { file: join(root, `${name}.glassbox`) } }, hooks)
    const ms = performance.now() - begun
    const cpu = process.cpuUsage(before)
    const cpuMs = (cpu.user + cpu.system) / 1000
    show(`backup, ${name}`, mb(rawBytes, ms), `goal >= 60 on 2 cores; ${mb(rawBytes, cpuMs)} a CPU second`)
    show(
      `size, ${name}`,
      (made.bytes / packed).toFixed(2),
      `of sqlite3 .backup | zstd (${(packed / total).toFixed(1)} B/span); goal <= 0.6; ${(made.bytes / total).toFixed(1)} B/span`,
    )
    show(
      `size, ${name}`,
      (made.bytes / plainBytes).toFixed(2),
      `of the same spans as plain rows | zstd (${(plainBytes / total).toFixed(1)} B/span)`,
    )
  }
  const places = [{ file: join(root, 'encrypted.glassbox') }]
  const secret = { password: 'bench' }
  let begun = performance.now()
  await verifyPlaces({ places, secret, scratch: null }, hooks)
  show(
    'verify by checksum',
    mb(rawBytes, performance.now() - begun),
    `of telemetry; ${mb(statSync(places[0].file).size, performance.now() - begun)} of file`,
  )
  const folder = join(root, 'stage')
  mkdirSync(folder)
  begun = performance.now()
  const cpuBefore = process.cpuUsage()
  const { counts } = await stageTelemetry({ places, secret, selection: everything, folder, before: null }, hooks)
  show(
    'restore, with the check of its content',
    `${Math.round((counts.spans / (performance.now() - begun)) * 1000)} spans/s`,
    `goal >= 30000; ${Math.round(counts.spans / ((process.cpuUsage(cpuBefore).user + process.cpuUsage(cpuBefore).system) / 1e6))} a CPU second`,
  )
  const mib = (size: number): string => `${Math.round(size / 2 ** 20)} MiB`
  show('memory added', mib(memory.peak - idle), `of this process, of all of the above; ${mib(idle)} before`)
} finally {
  clearInterval(watch)
  rmSync(root, { recursive: true, force: true })
}
