import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Page as List } from '../../../core/model/answers.ts'
import type { LogRecord } from '../../../core/model/records.ts'
import { glassbox } from '../../fixtures/command.ts'
import { type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

const TRACE = 'a'.repeat(32)
const span = (name: string, id: string) => ({
  traceId: TRACE,
  spanId: id.repeat(16),
  name,
  startTimeUnixNano: `${Date.now()}000123`,
  endTimeUnixNano: `${Date.now()}900456`,
})
const otlp = (...names: string[]) =>
  JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: names.map((name, at) => span(name, String(at + 1))) }] }] })

let host: RunningHost
let folder: string
beforeAll(async () => {
  host = await startTestHost()
  folder = mkdtempSync(join(tmpdir(), 'glassbox-cli-'))
})
afterAll(async () => {
  await host?.stop()
  rmSync(folder, { recursive: true, force: true })
})
const at = () => ['--data-dir', host.dataDir]
const file = (name: string, content: string | Uint8Array): string => {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

describe('glassbox import, export and sql against a running host', () => {
  it('takes files in, says what was refused, and gives the trace back', async () => {
    const good = file('good.jsonl.gz', gzipSync(`${otlp('first')}\nno json\n`))
    const done = await glassbox(['import', good, ...at()])
    expect(done).toMatchObject({ code: 0, stderr: '' })
    expect(done.stdout).toMatch(/good\.jsonl\.gz: 1 spans of 1 traces, 0 log records\n {2}line 2 refused: JSON/)

    const second = otlp('first', 'second').replace(`"${'1'.repeat(16)}"`, `"${'3'.repeat(16)}"`)
    const piped = await glassbox(['import', '-', '--json', ...at()], { input: second })
    expect(JSON.parse(piped.stdout)).toEqual([
      { file: '-', traces: 1, spans: 2, logs: 0, points: 0, refused: [], warnings: [] },
    ])

    const out = join(folder, 'out.json')
    for (const format of ['otlp', 'jaeger', 'zipkin']) {
      const printed = await glassbox(['export', TRACE, '--format', format, ...at()])
      expect(printed.code).toBe(0)
      const written = await glassbox(['export', TRACE.toUpperCase(), '--format', format, '-o', out, '--json', ...at()])
      expect(JSON.parse(written.stdout)).toEqual({ file: out, bytes: statSync(out).size, traceId: TRACE, format })
      expect(readFileSync(out, 'utf8').trim()).toBe(printed.stdout.trim())
    }

    const sql = ['sql', 'select name from _traces order by name', ...at()]
    expect((await glassbox(sql)).stdout).toBe('name\nfirst\nfirst\nsecond\n')
    expect(JSON.parse((await glassbox([...sql, '--json', '--limit', '1'])).stdout)).toEqual({
      columns: ['name'],
      rows: [['first']],
      truncated: true,
    })
  })

  it('ends with the code that tells what went wrong', async () => {
    const bad = file('bad.json', '{"resourceSpans":[{')
    const codes = await Promise.all([
      glassbox(['import', bad, ...at()]),
      glassbox(['import', join(folder, 'missing.json'), ...at()]),
      glassbox(['export', 'xyz', ...at()]),
    ])
    expect(codes.map(({ code }) => code)).toEqual([4, 1, 2])
    expect(codes[0].stdout).toContain('ends too early')
    const more = await Promise.all([
      glassbox(['export', TRACE, '--format', 'xml', ...at()]),
      glassbox(['export', 'b'.repeat(32), ...at()]),
      glassbox(['sql', 'select 1', '--limit', 'many', ...at()]),
    ])
    expect(more.map(({ code }) => code)).toEqual([2, 1, 2])
    const last = await Promise.all([
      glassbox(['sql', 'drop table _traces', ...at(), '--json']),
      glassbox(['doctor', '--url', 'http://127.0.0.1:9']),
      glassbox(['sql', 'select 1', '--token', 'wrong', ...at()]),
    ])
    expect(last.map(({ code }) => code)).toEqual([1, 6, 1])
    expect(JSON.parse(last[0].stderr)).toMatchObject({
      error: { message: expect.any(String), hint: expect.any(String) },
    })
  })

  it('doctor: what runs, what lies where, what is wrong', async () => {
    const { code, stdout } = await glassbox(['doctor', '--json', ...at()])
    const { checks, status } = JSON.parse(stdout) as {
      checks: { name: string; ok: boolean; advice?: boolean }[]
      status: { version: string }
    }
    expect(status.version).toMatch(/^\d+\.\d+\.\d+/)
    const names = [
      'versions',
      'data directory',
      'disk space',
      'database auxiliary.db',
      'running',
      'receiver',
      'storage',
    ]
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
    expect(code).toBe(checks.every(({ ok, advice }) => ok || advice) ? 0 : 1)
  })
})

describe('glassbox run', () => {
  it('points the program at the host and hands its exit code on', async () => {
    const script = `console.log(JSON.stringify(Object.entries(process.env).filter(([k]) => k.startsWith('OTEL_')).sort()));process.exit(7)`
    const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://elsewhere', OTEL_SDK_DISABLED: 'true' }
    const { code, stdout, stderr } = await glassbox(
      ['run', ...at(), '--service', 'cart', '--', process.execPath, '-e', script],
      { env },
    )
    expect(code).toBe(7)
    expect(Object.fromEntries(JSON.parse(stdout) as [string, string][])).toMatchObject({
      OTEL_EXPORTER_OTLP_ENDPOINT: host.otlp,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
      OTEL_SERVICE_NAME: 'cart',
      OTEL_TRACES_EXPORTER: 'otlp',
    })
    expect(stdout).not.toContain('elsewhere')
    expect(stdout).not.toContain('SDK_DISABLED')
    expect(stderr).toContain(`cart sends its telemetry to ${host.otlp}; no SDK was found`)
  })

  it('keeps stdout and stderr as logs of the service, stack traces whole, and passes them on', async () => {
    const script = `console.log('listening on 80'); console.log('\\u001b[33mWARN\\u001b[0m slow');
      console.error(new Error('out of tea').stack); process.stdout.write('no end')`
    const ended = await glassbox(['run', ...at(), '--service', 'kettle', '--', process.execPath, '-e', script])
    expect(ended).toMatchObject({ code: 0, stdout: 'listening on 80\n\u001b[33mWARN\u001b[0m slow\nno end' })
    expect(ended.stderr).toContain('Error: out of tea\n    at ')
    const { items } = await host.get<List<LogRecord>>('/api/logs?service=kettle')
    const told = items.map(({ body, severity, attributes }) => [
      body.split('\n')[0],
      severity,
      (attributes[0].value as { stringValue: string }).stringValue,
    ])
    expect(told.sort()).toEqual(
      [
        ['Error: out of tea', 17, 'stderr'],
        ['\u001b[33mWARN\u001b[0m slow', 13, 'stdout'],
        ['listening on 80', 0, 'stdout'],
        ['no end', 0, 'stdout'],
      ].sort(),
    )
    expect(items.find(({ body }) => body.startsWith('Error'))?.body).toMatch(/out of tea\n {4}at /)
    const instances = new Set(items.map(({ resource }) => JSON.stringify(resource.attributes)))
    expect([...instances].join()).toMatch(/^.*service\.instance\.id.*[0-9a-f]{8}-.*$/)
    const again = ['run', ...at(), '--service', 'kettle', '--no-output', '--', process.execPath, '-e', 'console.log(1)']
    expect(await glassbox(again)).toMatchObject({ code: 0, stdout: '1\n' })
    expect((await host.get<List<LogRecord>>('/api/logs?service=kettle')).items).toHaveLength(4)
  })

  it("loads Node's automatic instrumentation where it is installed, and sends a real span", async () => {
    const app = join(folder, 'app')
    const sdk = join(app, 'node_modules/@opentelemetry/auto-instrumentations-node/build/src')
    const { mkdirSync } = await import('node:fs')
    mkdirSync(sdk, { recursive: true })
    // Stands where the real package would: what it gets from us is what counts.
    writeFileSync(
      join(sdk, 'register.js'),
      `const body = ${JSON.stringify(otlp('from the program').replaceAll('aaaa', 'cccc'))}
       fetch(process.env.OTEL_EXPORTER_OTLP_ENDPOINT + '/v1/traces', { method: 'POST', body, headers: { 'content-type': 'application/json' } })
         .then((answer) => console.log('sent', answer.status))`,
    )
    const ended = await glassbox(['run', ...at(), 'node', '-e', '1'], { cwd: app })
    expect(ended).toMatchObject({ code: 0, stdout: 'sent 200\n' })
    expect(ended.stderr).not.toContain('no SDK')
    const found = await glassbox(['sql', "select count(*) as n from _traces where name = 'from the program'", ...at()])
    expect(found.stdout).toBe('n\n1\n')
  })

  it('says that a program does not exist, and passes on the signal that ended one', async () => {
    expect(await glassbox(['run', ...at(), '--', 'no-such-program-here'])).toMatchObject({
      code: 127,
      stderr: expect.stringContaining('there is no such program'),
    })
    const script = "process.kill(process.pid, 'SIGKILL')"
    expect((await glassbox(['run', ...at(), '--', process.execPath, '-e', script])).code).toBe(137)
  })
})

describe('without a running host', () => {
  it('sql reads the data directory itself and leaves it as it was; the rest says that nobody answers', async () => {
    const other = await startTestHost()
    try {
      await glassbox(['import', '-', '--data-dir', other.dataDir], { input: otlp('kept') })
      await other.host.stop()
      const here = ['--data-dir', other.dataDir]
      const before = readFileSync(join(other.dataDir, 'auxiliary.db'))
      const found = await glassbox(['sql', 'select name, service from _traces', ...here])
      expect(found).toEqual({ code: 0, stdout: 'name\tservice\nkept\tunknown_service\n', stderr: '' })
      expect(readFileSync(join(other.dataDir, 'auxiliary.db')).equals(before)).toBe(true)
      expect((await glassbox(['sql', 'selec', ...here])).code).toBe(1)
      for (const args of [['export', TRACE], ['import', '-'], ['run', 'true'], ['mcp']])
        expect((await glassbox([...args.slice(0, 1), ...here, ...args.slice(1)])).code, args[0]).toBe(
          args[0] === 'mcp' ? 0 : 6,
        )

      // The address a killed host leaves behind is no host.
      writeFileSync(
        join(other.dataDir, 'instance.json'),
        JSON.stringify({ pid: 1, api: 'http://127.0.0.1:9', startedAt: '' }),
      )
      expect((await glassbox(['sql', 'select name from _traces', ...here])).stdout).toBe('name\nkept\n')

      writeFileSync(join(other.dataDir, 'auxiliary.db'), 'this is no database, whatever its name says'.repeat(50))
      expect((await glassbox(['sql', 'select name from _traces', ...here])).code).toBe(4)
      const sick = await glassbox(['doctor', ...here])
      expect(sick.code).toBe(4)
      expect(sick.stdout).toContain('FAIL database auxiliary.db')
    } finally {
      rmSync(other.dataDir, { recursive: true, force: true })
    }
  })

  it('doctor names a port that is taken', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const { port } = holder.address() as { port: number }
    const env = { GLASSBOX_OTLP_PORT: String(port), GLASSBOX_API_PORT: '0', GLASSBOX_OTLP_GRPC_PORT: '0' }
    const { code, stdout } = await glassbox(['doctor', '--data-dir', join(folder, 'new')], { env })
    await new Promise((resolve) => holder.close(resolve))
    expect(code).toBe(1)
    expect(stdout).toContain(`FAIL OTLP/HTTP port: port ${port} is taken`)
  })

  it('helps, and calls wrong usage wrong', async () => {
    const help = await glassbox(['--help'])
    expect(help.code).toBe(0)
    for (const command of ['serve', 'run', 'import', 'export', 'sql', 'doctor', 'mcp'])
      expect(help.stdout).toContain(`  ${command}`)
    expect(help.stdout).toContain('Exit codes: 0 done')
    expect((await glassbox(['export', '--help'])).stdout).toContain('Examples: glassbox export')
    const wrong = await Promise.all([glassbox(['bogus']), glassbox(['sql']), glassbox(['import', '--frobnicate', 'x'])])
    expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2])
    const port = await glassbox(['serve', '--api-port', 'eighty', '--data-dir', join(folder, 'new')])
    expect(port.code).toBe(2)
    expect(port.stderr).toContain('--api-port')
  })
})
