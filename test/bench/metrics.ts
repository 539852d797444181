/**
 * Remote write of metrics: samples a CPU second of the server in both request shapes, memory with 100,000 active series,
 * bytes a sample after compaction. Run: `node test/bench/metrics.ts`. Prometheus 2.42 on 2 cores took 163,000 and 1,170,000.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compressSync } from 'snappy'
import { packSamples } from '../../core/model/packed-samples.ts'
import { SampleBatchBuilder } from '../../core/model/sample-batch-builder.ts'
import { machineClock } from '../../core/storage/sqlite/machine-clock.ts'
import { openReadConnection } from '../../core/storage/sqlite/read/read-methods.ts'
import { Writer } from '../../core/storage/sqlite/writer.ts'
import { bytes, double, message, varint } from '../fixtures/protobuf-fields.ts'
import { serveProcess } from '../fixtures/served-process.ts'

const SERIES = 100_000
const A_REQUEST = 2000
const ROUND_MS = 15_000
const START = Math.floor(Date.now() / ROUND_MS) * ROUND_MS - 40 * ROUND_MS

const labelsOf = (i: number): [string, string][] => [
  ['__name__', `bench_metric_${i % 100}`],
  ['instance', `host-${Math.floor(i / 1000)}:9100`],
  ['job', 'bench'],
  ['path', `/api/v1/items/${i % 1000}`],
]

/** One request: `series` from `first` on, each with `samples` samples from `round` on. */
function request(first: number, series: number, round: number, samples: number): Buffer {
  const all = Array.from({ length: series }, (_, k) =>
    message(
      1,
      ...labelsOf(first + k).map(([name, value]) => message(1, bytes(1, name), bytes(2, value))),
      ...Array.from({ length: samples }, (_, s) =>
        message(2, double(1, (round + s) * ((first + k) % 50)), varint(2, BigInt(START + (round + s) * ROUND_MS))),
      ),
    ),
  )
  return compressSync(Buffer.concat(all)) as Buffer
}

async function overTheWire(): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
  const served = serveProcess(dataDir)
  const { api, token } = await served.ready
  const figure = async (name: string): Promise<number> => {
    const text = await (await fetch(`${api}/metrics`)).text()
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  }
  const post = async (body: Buffer): Promise<void> => {
    const answer = await fetch(`${api}/api/v1/write`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/x-protobuf',
        'content-encoding': 'snappy',
      },
      body: new Uint8Array(body),
    })
    if (answer.status !== 204) throw new Error(`${answer.status} ${await answer.text()}`)
  }
  const measure = async (what: string, bodies: Buffer[], samples: number): Promise<void> => {
    const before = await figure('process_cpu_seconds_total')
    const begin = performance.now()
    for (const body of bodies) await post(body)
    const cpu = (await figure('process_cpu_seconds_total')) - before
    const seconds = (performance.now() - begin) / 1000
    const perCpu = Math.round(samples / cpu).toLocaleString('en')
    console.log(
      `${what}: ${perCpu} samples a CPU second, ${Math.round(samples / seconds).toLocaleString('en')} a second`,
    )
  }
  const requests = (round: number, samples: number, most = SERIES): Buffer[] =>
    Array.from({ length: most / A_REQUEST }, (_, k) => request(k * A_REQUEST, A_REQUEST, round, samples))
  await measure(`${SERIES} new series`, requests(0, 1), SERIES)
  await measure(
    'one sample a series',
    [1, 2, 3].flatMap((round) => requests(round, 1)),
    3 * SERIES,
  )
  await measure('20 samples a series', requests(4, 20, 20_000), 20_000 * 20)
  const mib = (await figure('process_resident_memory_bytes')) / 2 ** 20
  console.log(`${await figure('glassbox_series')} series: ${Math.round(mib)} MiB resident`)
  await served.end('SIGTERM')
  rmSync(dataDir, { recursive: true, force: true })
}

/** A day of regular series: half counters, a quarter gauges of two digits, a quarter constant. */
function onDisk(): void {
  const dataDir = mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
  const writer = new Writer({ dataDir, reserveBytes: 1_000_000 }, machineClock(), () => undefined)
  const [series, rounds] = [320, 5760]
  const from = START - rounds * ROUND_MS - 86_400_000
  const values = new Float64Array(series)
  for (let round = 0; round < rounds; round++) {
    const builder = new SampleBatchBuilder()
    for (let i = 0; i < series; i++) {
      if (i % 4 < 2) values[i] += Math.floor(Math.random() * 10)
      else if (i % 4 === 2) values[i] = Math.round(100 * (50 + 10 * Math.sin(round / 200 + i))) / 100
      builder.float(builder.series(labelsOf(i)), from + round * ROUND_MS, values[i])
    }
    writer.metrics.write(packSamples(builder.finish()).packed)
    if (round % 100 === 0) writer.metrics.flush()
  }
  writer.metrics.flush()
  writer.compact()
  writer.stop()
  const db = openReadConnection(dataDir)
  const { size, samples } = db
    .prepare('SELECT sum(bytes) AS size, sum(samples) AS samples FROM metric_block')
    .get() as {
    size: number
    samples: number
  }
  db.close()
  console.log(`${samples} samples in ${size} bytes: ${(size / samples).toFixed(2)} bytes a sample`)
  rmSync(dataDir, { recursive: true, force: true })
}

onDisk()
await overTheWire()
