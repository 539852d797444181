import { request } from 'node:http'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import type { ImportAnswer, PipelineAnswer } from '../../../core/api/contract/shapes.ts'
import type { Job } from '../../../core/model/job.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

let host: RunningHost
beforeAll(async () => {
  host = await startTestHost({ 'sampling.enabled': false })
})
afterAll(() => host?.stop())

let next = 1
/** A line of OTLP JSON with `count` spans, each of a trace of its own. */
function line(count: number): Uint8Array<ArrayBuffer> {
  const spans = Array.from({ length: count }, () => ({
    traceId: (next++).toString(16).padStart(32, '0'),
    spanId: '00000000000000aa',
    name: 'imported',
    startTimeUnixNano: `${Date.now()}000000`,
    endTimeUnixNano: `${Date.now() + 5}000000`,
  }))
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: 'files' } }] }
  return new TextEncoder().encode(`${JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ spans }] }] })}\n`)
}

function post(body: Uint8Array<ArrayBuffer>): Promise<Response> {
  const headers = { authorization: `Bearer ${host.token}`, 'content-type': 'application/octet-stream' }
  return fetch(`${host.api}/api/import?name=lines.jsonl`, { method: 'POST', headers, body })
}

/** Sends a file without end; counts the lines that were sent. */
function endless(more = ''): { sent: () => number; stop(): void; ended: Promise<string> } {
  let sent = 0
  const call = request(`${host.api}/api/import?name=lines.jsonl${more}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${host.token}`, 'content-type': 'application/octet-stream' },
  })
  const ended = new Promise<string>((resolve) => {
    call.on('response', () => resolve('answered'))
    call.on('error', () => resolve('cancelled'))
  })
  const pump = (): void => {
    if (call.destroyed) return
    sent++
    if (call.write(line(100))) setImmediate(pump)
    else call.once('drain', pump)
  }
  pump()
  return { sent: () => sent, stop: () => call.destroy(), ended }
}

const pipeline = () => host.get<PipelineAnswer>('/api/pipeline')

it('takes a file of many lines whole, each row counted, and says which line is bad', async () => {
  const before = (await pipeline()).traces
  const lines = Array.from({ length: 40 }, () => line(700))
  lines.splice(20, 0, new TextEncoder().encode('{"resourceSpans": [}\n'))
  const answer = (await (await post(Buffer.concat(lines))).json()) as ImportAnswer
  expect(answer).toMatchObject({ traces: 28_000, spans: 28_000, logs: 0 })
  expect(answer.refused.map((one) => one.line)).toEqual([21])
  const after = (await pipeline()).traces
  expect(after.stored - before.stored).toBe(28_000)
  expect(after.waiting).toBe(0)
})

it('a cancelled import stops its thread; what it took is stored, and others may come', async () => {
  const running = Array.from({ length: 4 }, endless)
  // All four decode: as many as there may be.
  const before = (await pipeline()).traces.received
  let received: number
  do received = (await pipeline()).traces.received
  while (running.some(({ sent }) => sent() < 20) || received < before + 2000)
  const fifth = await post(line(1))
  expect([fifth.status, ((await fifth.json()) as { code: string }).code]).toEqual([503, 'overloaded'])

  for (const { stop } of running) stop()
  expect(await Promise.all(running.map(({ ended }) => ended))).toEqual(new Array(4).fill('cancelled'))
  // Room is there again once the threads are gone.
  let answer: Response
  do answer = await post(line(3))
  while (answer.status === 503)
  expect(((await answer.json()) as ImportAnswer).spans).toBe(3)
  // What a cancelled one had handed over last may still be on its way.
  let books: PipelineAnswer['traces']
  do books = (await pipeline()).traces
  while (books.waiting > 0 || books.stored < books.received)
  expect([books.stored, books.dropped, books.rejected, books.sampledOut]).toEqual([books.received, {}, {}, 0])
}, 60_000)

it('shows a large file as a job with progress, which can be stopped; what was taken before stays', async () => {
  const large = Buffer.concat(Array.from({ length: 40 }, () => line(700)))
  const whole = (await (await post(large)).json()) as ImportAnswer
  const jobs = async (): Promise<Job[]> => (await host.get<{ items: Job[] }>('/api/jobs')).items
  expect((await jobs())[0]).toMatchObject({
    kind: 'import',
    state: 'done',
    input: { name: 'lines.jsonl', bytes: large.length },
    progress: { done: large.length, total: large.length, unit: 'bytes' },
    result: { file: 'lines.jsonl', spans: whole.spans, refused: 0 },
  })
  const before = (await pipeline()).traces.received
  // Announced as larger than it will ever be.
  const file = endless('&size=100000000000')
  const running = await vi.waitUntil(
    async () => (await jobs()).find(({ state, progress }) => state === 'running' && progress.done > 1e6),
    { timeout: 20_000 },
  )
  expect(running.progress).toMatchObject({ total: 100_000_000_000 })
  await host.get(`/api/jobs/${running.id}/cancel`, { method: 'POST' })
  expect(await file.ended).toBe('answered')
  file.stop()
  expect((await host.get<Job>(`/api/jobs/${running.id}`)).state).toBe('cancelled')
  expect((await pipeline()).traces.received).toBeGreaterThan(before)
}, 60_000)
