/** A real server as a process of its own, as built for use, and what is read of it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** A build script without types of its own. */
const { ensureCore } = (await import(new URL('../../build/core.mjs', import.meta.url).href)) as { ensureCore(): string }

/** The built core, which commands run from. */
export const coreFile = ensureCore

export interface BenchServer {
  pid: number
  api: string
  otlp: string
  token: string
  readyMs: number
  get<T>(path: string): Promise<T>
  ask<T>(path: string, init: RequestInit): Promise<T>
  change(settings: Record<string, unknown>): Promise<unknown>
  /** Sends a body as a stream. */
  post<T>(path: string, body: ReadableStream<Uint8Array>): Promise<T>
  stop(): Promise<void>
}

/** Starts the server on `dataDir` and free ports; resolves at its ready line. */
export async function startServer(dataDir: string): Promise<BenchServer> {
  const ports = ['--api-port', '0', '--otlp-port', '0', '--otlp-grpc-port', '0']
  const main = ensureCore()
  const begun = performance.now()
  const server = spawn(
    process.execPath,
    [main, 'serve', '--data-dir', dataDir, ...ports, '--no-open', '--log-level', 'error'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ready = await readyLine(server)
  const readyMs = performance.now() - begun
  async function ask<T>(path: string, init: RequestInit): Promise<T> {
    const headers = {
      authorization: `Bearer ${ready.token}`,
      'content-type': 'application/octet-stream',
      ...init.headers,
    }
    const response = await fetch(ready.api + path, { ...init, headers })
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }
  return {
    pid: server.pid as number,
    api: ready.api,
    otlp: ready.otlp,
    token: ready.token,
    readyMs,
    get: <T>(path: string) => ask<T>(path, {}),
    ask,
    change: (settings) =>
      ask('/api/settings', {
        method: 'PATCH',
        body: JSON.stringify(settings),
        headers: { 'content-type': 'application/json' },
      }),
    post: <T>(path: string, body: ReadableStream<Uint8Array>) =>
      ask<T>(path, { method: 'POST', body, ...{ duplex: 'half' } }),
    async stop() {
      server.kill('SIGTERM')
      await new Promise((resolve) => server.once('close', resolve))
    },
  }
}

function readyLine(server: ChildProcess): Promise<{ api: string; otlp: string; token: string }> {
  return new Promise((resolve, reject) => {
    let text = ''
    server.once('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready`)))
    server.stdout?.on('data', (chunk) => {
      text += chunk
      const line = text.split('\n').find((candidate) => candidate.startsWith('ready '))
      if (line) resolve(JSON.parse(line.slice(6)))
    })
  })
}

/** CPU seconds that the process has used so far (Linux). */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** Resident memory of the process, MiB (Linux). */
export function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}

/** The value below which `share` of the list lies (nearest rank). */
export function percentile(list: number[], share: number): number {
  return list.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(list.length * share) - 1)]
}

export function show(name: string, value: string, note = ''): void {
  process.stdout.write(`${name.padEnd(52)} ${value.padStart(14)}  ${note}\n`)
}

/** Asks for each path in turn and shows the 95th percentile beside its goal. */
export async function timeQueries(server: BenchServer, name: string, goal: string, paths: string[]): Promise<void> {
  const list: number[] = []
  for (const path of paths) {
    const start = performance.now()
    await server.get(path)
    list.push(performance.now() - start)
  }
  const [half, most] = [percentile(list, 0.5), Math.max(...list)].map(Math.round)
  show(
    name,
    `${Math.round(percentile(list, 0.95))} ms`,
    `p95 of ${paths.length}, p50 ${half}, most ${most}; goal ${goal}`,
  )
}
