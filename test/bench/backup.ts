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

function fill(): void {
  const begin = Date.now() - 6 * 3_600_000
  const clock = {
    nowUs: () => Date.now() * 1000,
    monotonicMs: () => performance.now(),
    witness: () => ({ wallUs: Date.now() * 1000, uptimeMs: performance.now(), boot: null }),
  }
  const writer = new Writer({ dataDir, reserveBytes: 0 }, clock, () => undefined)
  for (let seed = 0; seed * 1000 < total; seed += 8) {
    const bodies = Array.from({ length: 8 }, (_, i) =>
      encodeTraces(randomResourceSpans(1000, 10, seed + i, begin + (seed + i) * 1000)),
    )
    for (const body of bodies) rawBytes += body.length
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
  execFileSync('zstd', ['-q', '-3', '-f', copy, '-o', `${copy}.zst`])
  const packed = statSync(`${copy}.zst`).size
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
      `of sqlite3 .backup | zstd; goal <= 0.6; ${(made.bytes / total).toFixed(1)} B/span`,
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
  show(
    'memory, highest',
    `${Math.round(memory.peak / 2 ** 20)} MiB`,
    'goal <= 200 with source and corpus of this process',
  )
} finally {
  clearInterval(watch)
  rmSync(root, { recursive: true, force: true })
}
