import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../../core/base/clock.ts'
import { GlassboxError } from '../../../core/base/errors.ts'
import { serveRpc } from '../../../core/base/rpc.ts'
import { defaultSettings } from '../../../core/config/settings.ts'
import type { WriteBatches } from '../../../core/pipeline/bisect-write.ts'
import { type RunningPipeline, startPipeline } from '../../../core/pipeline/start-pipeline.ts'
import { idsOf, makeSpans } from './make-batch.ts'

let folder: string
let pipeline: RunningPipeline | null = null
const ports: MessagePort[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-pipeline-'))
})
afterEach(async () => {
  await pipeline?.stop()
  pipeline = null
  for (const port of ports.splice(0)) port.close()
  rmSync(folder, { recursive: true, force: true })
})

function start(write: (batches: WriteBatches) => unknown): Promise<RunningPipeline> {
  return startPipeline({
    settings: defaultSettings,
    openWriterPort: () => {
      const { port1, port2 } = new MessageChannel()
      serveRpc(port1, { write })
      ports.push(port1)
      return port2
    },
    clock: systemClock,
    log: { warn: () => undefined, error: () => undefined },
    journalFile: join(folder, 'journal'),
  })
}

const storedAll = (batches: WriteBatches) => ({
  seq: 1,
  storedSpans: batches.spans.reduce((total, batch) => total + batch.n, 0),
  storedLogs: 0,
  duplicateSpans: 0,
})

it('keeps rows while storage is away and stores each once when it is back', async () => {
  const ids: number[] = []
  let away = 2
  pipeline = await start((batches) => {
    if (away-- > 0) throw new GlassboxError('storage_unavailable', 'disk full')
    ids.push(...batches.spans.flatMap(idsOf))
    return storedAll(batches)
  })
  const outcome = await pipeline.ingestBatch(makeSpans(Array.from({ length: 50 }, (_, i) => ({ id: i + 1 }))))
  expect(outcome).toMatchObject({ received: 50, accepted: 50, refused: false, services: ['shop'] })
  expect(pipeline.ledger().traces).toMatchObject({ received: 50, waiting: 50 })
  await pipeline.drain()
  expect(pipeline.ledger().traces).toMatchObject({ received: 50, stored: 50, waiting: 0 })
  expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
})

it('counts duplicates the writer reports', async () => {
  pipeline = await start(() => ({ seq: 1, storedSpans: 3, storedLogs: 0, duplicateSpans: 2 }))
  await pipeline.ingestBatch(makeSpans([{}, {}, {}, {}, {}]))
  await pipeline.drain()
  expect(pipeline.ledger().traces).toMatchObject({ received: 5, stored: 3, dropped: { duplicate: 2 }, waiting: 0 })
})

it('refuses malformed and oversize bodies and leaves the ledger alone', async () => {
  pipeline = await start(storedAll)
  const request = { signal: 'traces', format: 'otlp-protobuf', peer: 'p', transport: 'otlp-http' } as const
  await expect(pipeline.ingest({ ...request, encoding: 'gzip', bytes: Buffer.from('not gzip') })).rejects.toMatchObject(
    { code: 'malformed_body' },
  )
  const large = new Uint8Array(defaultSettings.receivers.maxInflatedBytes + 1)
  await expect(pipeline.ingest({ ...request, encoding: 'identity', bytes: large })).rejects.toMatchObject({
    code: 'too_large',
  })
  expect(pipeline.ledger().traces.received).toBe(0)
})

it('counts what storage did not take by the time of the stop', async () => {
  const running = await start(() => {
    throw new GlassboxError('storage_unavailable', 'gone')
  })
  await running.ingestBatch(makeSpans([{}, {}]))
  await running.stop()
  expect(running.ledger().traces).toMatchObject({ received: 2, stored: 0, dropped: { shutdown: 2 }, waiting: 0 })
})
