/**
 * `node test/bench/backup-live.ts [--bodies N]`: what a running server still stores while it is backed up, and the highest memory
 * of `glassbox backup`, `verify` and `restore` as processes of their own. Every span is a new one.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Job } from '../../core/model/job.ts'
import { encodeTraces } from '../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../fixtures/random-spans.ts'
import { coreFile, show, startServer } from './server.ts'

const { values } = parseArgs({ options: { bodies: { type: 'string', default: '200' } } })
const PER_BODY = 1000
const CLIENTS = 2
const phase = Number(values.bodies)
const bodies = Array.from({ length: phase * 3 }, (_, seed) =>
  gzipSync(encodeTraces(randomResourceSpans(PER_BODY, 10, seed, Date.now() - 60_000)), { level: 1 }),
)
const root = mkdtempSync(join(tmpdir(), 'glassbox-bench-'))
const dataDir = join(root, 'data')
const server = await startServer(dataDir)
// What waits is refused and sent again, so that what is stored is what was sent.
await server.change({
  'sampling.enabled': false,
  'collectors.spanMetrics.enabled': false,
  'pipeline.overflow': 'refuse',
})

interface Books {
  traces: { stored: number; waiting: number }
}
let next = 0

/** Sends one phase as fast as it is taken; answers spans stored a second, waiting ones included in the time. */
async function ingest(): Promise<number> {
  const before = (await server.get<Books>('/api/pipeline')).traces.stored
  const until = next + phase
  const begun = performance.now()
  const client = async (): Promise<void> => {
    while (next < until) {
      const body = new Uint8Array(bodies[next++])
      const headers = { 'content-type': 'application/x-protobuf', 'content-encoding': 'gzip' }
      for (let taken = false; !taken; ) {
        const answer = await fetch(`${server.otlp}/v1/traces`, { method: 'POST', headers, body })
        await answer.arrayBuffer()
        taken = answer.status === 200
        if (taken) continue
        if (answer.status !== 503) throw new Error(`the server answered ${answer.status}`)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  for (;;) {
    const { stored, waiting } = (await server.get<Books>('/api/pipeline')).traces
    if (waiting === 0) return (stored - before) / ((performance.now() - begun) / 1000)
  }
}

const json = (method: string, body: object): RequestInit => ({
  method,
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
})
/** One backup after the other until `done`. */
async function backUp(done: () => boolean): Promise<number> {
  let made = 0
  while (!done()) {
    let job = await server.ask<Job>('/api/backups', json('POST', { kind: 'full' }))
    while (job.endedAt === null) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      job = await server.get<Job>(`/api/jobs/${job.id}`)
    }
    if (job.state !== 'done') throw new Error(JSON.stringify(job.error))
    made++
  }
  return made
}

/** Highest resident memory of a command, MiB (Linux), and how long it took, s. */
async function command(...args: string[]): Promise<{ mib: number; seconds: number }> {
  const begun = performance.now()
  const child = spawn(process.execPath, [coreFile(), ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
  let mib = 0
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      mib = Math.max(mib, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024)
    } catch (error) {
      // It ended between two looks.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }, 20)
  const code = await new Promise((resolve) => child.once('close', resolve))
  clearInterval(watch)
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`)
  return { mib, seconds: (performance.now() - begun) / 1000 }
}

try {
  await ingest()
  const alone = await ingest()
  let over = false
  const backups = backUp(() => over)
  const beside = await ingest()
  over = true
  const made = await backups
  show('stored a second, alone', `${Math.round(alone)}`)
  show(
    'stored a second, while backed up',
    `${Math.round(beside)}`,
    `${Math.round((beside / alone) * 100)} %, goal >= 80; ${made} backups`,
  )
  await server.stop()
  const file = join(root, 'one.glassbox')
  for (const [name, ...args] of [
    ['glassbox backup', 'backup', '--data-dir', dataDir, '--to', file],
    ['glassbox verify', 'verify', file],
    ['glassbox restore', 'restore', file, '--data-dir', join(root, 'other')],
  ]) {
    const { mib, seconds } = await command(...args)
    show(
      `memory, highest, of ${name}`,
      `${Math.round(mib)} MiB`,
      `goal <= 200; ${seconds.toFixed(1)} s for ${phase * 3 * PER_BODY} spans`,
    )
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
