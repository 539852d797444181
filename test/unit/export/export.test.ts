import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ImportAnswer } from '../../../core/api/contract/shapes.ts'
import type { Job } from '../../../core/model/job.ts'
import type { LogRecord, Trace } from '../../../core/model/records.ts'
import { glassbox } from '../../fixtures/command.ts'
import { followLive, type RunningHost, startTestHost } from '../../fixtures/running-host.ts'

/** More traces than a page of the export has, and more log records. */
const TRACES = 130
const LOGS = 1100
const NOW_NS = BigInt(Date.now()) * 1_000_000n
/** Times as they are in the file, without a loss. */
const exactNanos = { ...DEFAULT_PARSERS, timestampFromNanoseconds: (nanos: bigint) => nanos }
let host: RunningHost
let other: RunningHost
let folder: string

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, '0')
const resource = {
  attributes: [
    { key: 'service.name', value: { stringValue: 'cart, "eu"' } },
    { key: 'n', value: { intValue: '9007199254740993' } },
  ],
}
function span(trace: number, index: number): object {
  const start = NOW_NS - BigInt(trace) * 1_000_000_000n - 1_000_000_000n
  return {
    traceId: hex(trace + 1, 32),
    spanId: hex(trace * 2 + index + 1, 16),
    parentSpanId: index === 0 ? '' : hex(trace * 2 + 1, 16),
    name: index === 0 ? 'GET /' : 'select',
    kind: index === 0 ? 2 : 3,
    startTimeUnixNano: String(start + 123n),
    endTimeUnixNano: String(start + 5_000_456n),
    attributes: [
      { key: 'note', value: { stringValue: 'a\nb,"c"' } },
      { key: 'flag', value: { boolValue: false } },
      { key: 'list', value: { arrayValue: { values: [{ doubleValue: 0.5 }, { stringValue: '' }, {}] } } },
      { key: 'bytes', value: { bytesValue: 'AAEC' } },
    ],
    status: trace === 7 ? { code: 2, message: 'no' } : {},
    events: [{ timeUnixNano: String(start + 9n), name: 'e' }],
    links: [{ traceId: hex(99, 32), spanId: hex(9, 16) }],
  }
}

async function post(path: string, body: object): Promise<void> {
  const response = await fetch(host.otlp + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(200)
}
const get = async (query: string): Promise<Response> =>
  fetch(`${host.api}/api/export?${query}`, { headers: { authorization: `Bearer ${host.token}` } })
const importInto = (to: RunningHost, name: string, body: Uint8Array): Promise<ImportAnswer> =>
  to.get<ImportAnswer>(`/api/import?name=${name}`, { method: 'POST', body: new Uint8Array(body) })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'glassbox-export-'))
  host = await startTestHost()
  other = await startTestHost()
}, 60_000)
afterAll(async () => {
  await host?.stop()
  await other?.stop()
  rmSync(folder, { recursive: true, force: true })
})

it('has telemetry of every signal to export', async () => {
  const spans = Array.from({ length: TRACES }, (_, trace) => [span(trace, 0), span(trace, 1)]).flat()
  await post('/v1/traces', { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'lib' }, spans }] }] })
  const logRecords = Array.from({ length: LOGS }, (_, i) => ({
    timeUnixNano: String(NOW_NS - BigInt(i) * 1_000_000n - 7n),
    severityNumber: i === 5 ? 17 : 9,
    severityText: i === 5 ? 'ERROR' : 'INFO',
    body:
      i === 6 ? { kvlistValue: { values: [{ key: 'a', value: { intValue: '1' } }] } } : { stringValue: `line ${i}` },
    traceId: hex(1, 32),
    spanId: hex(1, 16),
  }))
  await post('/v1/logs', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] })
  const dataPoints = Array.from({ length: 40 }, (_, i) => ({
    timeUnixNano: String(NOW_NS - BigInt(i) * 60_000_000_000n),
    asDouble: i / 2,
    attributes: [{ key: 'path', value: { stringValue: 'a"b\\c' } }],
  }))
  await post('/v1/metrics', {
    resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: 'load', gauge: { dataPoints } }] }] }],
  })
  const kind = { key: 'kind', value: { stringValue: 'typed' } }
  /** Two points a minute apart, the second with twice as much. */
  const twice = (of: (times: number) => object): object[] =>
    [1, 2].map((times) => ({
      timeUnixNano: String(NOW_NS - 600_000_000_000n + BigInt(times) * 60_000_000_000n),
      attributes: [kind],
      ...of(times),
    }))
  const cumulative = { aggregationTemporality: 2 }
  const metrics = [
    { name: 'level', gauge: { dataPoints: twice((times) => ({ asDouble: -times })) } },
    {
      name: 'hits',
      sum: { ...cumulative, isMonotonic: true, dataPoints: twice((times) => ({ asInt: String(5 * times) })) },
    },
    {
      name: 'took',
      unit: 's',
      description: 'How long\nit took',
      histogram: {
        ...cumulative,
        dataPoints: twice((times) => ({
          count: String(6 * times),
          sum: 1.5 * times,
          explicitBounds: [0.1, 1, 5],
          bucketCounts: [1, 0, 2, 3].map((count) => String(count * times)),
        })),
      },
    },
    {
      name: 'sizes',
      exponentialHistogram: {
        ...cumulative,
        dataPoints: twice((times) => ({
          count: String(9 * times),
          sum: 100 * times,
          scale: 3,
          zeroCount: String(times),
          zeroThreshold: 0.001,
          positive: { offset: -4, bucketCounts: [1, 0, 0, 0, 0, 4].map((count) => String(count * times)) },
          negative: { offset: 2, bucketCounts: [String(3 * times)] },
        })),
      },
    },
    {
      name: 'waits',
      summary: {
        dataPoints: twice((times) => ({
          count: String(times),
          sum: 2 * times,
          quantileValues: [
            { quantile: 0.5, value: 1 },
            { quantile: 0.99, value: 7 },
          ],
        })),
      },
    },
  ]
  await post('/v1/metrics', { resourceMetrics: [{ resource, scopeMetrics: [{ metrics }] }] })
  await expect
    .poll(async () => (await host.get<{ traces: { stored: number } }>('/api/pipeline')).traces.stored)
    .toBe(TRACES * 2)
  await expect.poll(async () => (await host.get<{ logs: { stored: number } }>('/api/pipeline')).logs.stored).toBe(LOGS)
}, 60_000)

it.each([
  ['otlp', 'application/x-ndjson'],
  ['otlp-protobuf', 'application/x-protobuf'],
  ['jaeger', 'application/json'],
  ['zipkin', 'application/json'],
])(
  'traces as %s come back through the import, each once and as it was',
  async (format, type) => {
    const answer = await get(`format=${format}`)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, expect.stringContaining(type)])
    expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="traces-/)
    const bytes = new Uint8Array(await answer.arrayBuffer())
    const fresh = format === 'otlp' ? other : await startTestHost()
    try {
      expect(await importInto(fresh, 'traces', bytes)).toMatchObject({ spans: TRACES * 2, refused: [] })
      const path = `/api/traces/${hex(8, 32)}`
      const [before, after] = await Promise.all([host.get<Trace>(path), fresh.get<Trace>(path)])
      const core = ({ spans, resources }: Trace) => [spans.map(({ resource, scope, ...rest }) => rest), resources]
      expect(core(after)).toEqual(core(before))
    } finally {
      if (fresh !== other) await fresh.stop()
    }
  },
  60_000,
)

it.each(['otlp', 'otlp-protobuf'])(
  'logs as %s come back through the import',
  async (format) => {
    const bytes = new Uint8Array(await (await get(`signal=logs&format=${format}`)).arrayBuffer())
    const before = (await other.get<{ logs: { stored: number } }>('/api/pipeline')).logs.stored
    expect(await importInto(other, 'logs', bytes)).toMatchObject({ logs: LOGS, refused: [] })
    const after = (await other.get<{ logs: { stored: number } }>('/api/pipeline')).logs.stored
    expect(after - before).toBe(LOGS)
    const newest = async (from: RunningHost) =>
      (await from.get<{ items: LogRecord[] }>('/api/logs?limit=5&severity=17')).items[0]
    const { id: _a, ...one } = await newest(host)
    const { id: _b, ...two } = await newest(other)
    expect(two).toEqual(one)
  },
  60_000,
)

it.each(['otlp', 'otlp-protobuf', 'prometheus'])(
  'metrics as %s come back through the import',
  async (format) => {
    const bytes = new Uint8Array(await (await get(`signal=metrics&format=${format}&q=load`)).arrayBuffer())
    const fresh = await startTestHost()
    try {
      expect(await importInto(fresh, format === 'prometheus' ? 'm.prom' : 'm', bytes)).toMatchObject({ points: 40 })
      const ask = async (from: RunningHost): Promise<unknown> =>
        (await from.get<{ data: { result: unknown } }>('/api/v1/query?query=load[2h]')).data.result
      expect(await ask(fresh)).toEqual(await ask(host))
    } finally {
      await fresh.stop()
    }
  },
  60_000,
)

it('writes Parquet with typed columns, which another reader understands', async () => {
  const read = async (query: string): Promise<Record<string, unknown>[]> => {
    const answer = await get(`format=parquet&${query}`)
    expect(answer.headers.get('content-disposition')).toMatch(/\.parquet"$/)
    return parquetReadObjects({ file: await answer.arrayBuffer(), parsers: exactNanos })
  }
  const spans = await read('signal=traces')
  expect(spans).toHaveLength(TRACES * 2)
  const trace = await host.get<Trace>(`/api/traces/${hex(8, 32)}`)
  const root = spans.find(({ trace_id, parent_id }) => trace_id === hex(8, 32) && parent_id === null)
  expect(root).toMatchObject({
    name: 'GET /',
    kind: 'SERVER',
    service: 'cart, "eu"',
    duration_ns: 5_000_333n,
    status: 'ERROR',
    status_message: 'no',
    attributes: { note: 'a\nb,"c"', flag: false, list: [0.5, '', null], bytes: 'AAEC' },
    resource: { 'service.name': 'cart, "eu"', n: '9007199254740993' },
    scope: 'lib',
    sample_rate: 1,
  })
  expect(root?.events).toMatchObject([{ name: 'e' }])
  expect(root?.start).toEqual(BigInt(trace.spans[0].start) * 1000n + BigInt(trace.spans[0].startNs))
  const logs = await read('signal=logs')
  expect(logs).toHaveLength(LOGS)
  expect(logs.filter(({ severity }) => severity === 17)).toMatchObject([{ body: 'line 5', trace_id: hex(1, 32) }])
  const samples = await read('signal=metrics&q=load')
  expect(samples).toHaveLength(40)
  expect(samples[0]).toMatchObject({
    metric: 'load',
    type: 'gauge',
    value: 19.5,
    histogram: null,
    labels: { path: 'a"b\\c' },
  })
  expect(samples[0].time).toBeInstanceOf(Date)
})

it.each(['otlp', 'otlp-protobuf', 'prometheus', 'csv', 'parquet'])(
  'metrics keep their types as %s',
  async (format) => {
    const bytes = new Uint8Array(
      await (await get(`signal=metrics&format=${format}&q=${encodeURIComponent('{kind="typed"}')}`)).arrayBuffer(),
    )
    if (format === 'csv' || format === 'prometheus') {
      const text = Buffer.from(bytes).toString()
      if (format === 'csv') expect(text).toMatch(/^sizes,.*,,histogram,"\{""schema"":3/m)
      else expect(text).toContain('# TYPE hits_total counter\n')
      if (format === 'prometheus') expect(text).toContain('# 2 native histogram samples have no place in this form\n')
      if (format === 'csv') return
    }
    if (format === 'parquet') {
      const rows = await parquetReadObjects({ file: bytes.buffer })
      expect(rows.filter(({ histogram }) => histogram !== null)).toMatchObject([
        { metric: 'sizes', type: 'histogram', value: null, histogram: { schema: 3, count: 9 } },
        { metric: 'sizes', type: 'histogram', value: null, histogram: { schema: 3, count: 18 } },
      ])
      return
    }
    const fresh = await startTestHost()
    try {
      const answer = await importInto(fresh, format === 'prometheus' ? 'm.prom' : 'm', bytes)
      expect(answer.refused).toEqual([])
      const ask = async (from: RunningHost): Promise<unknown> => {
        const found = await from.get<{ data: { result: { metric: object; histograms?: object }[] } }>(
          `/api/v1/query?query=${encodeURIComponent('{kind="typed"}[2h]')}`,
        )
        return found.data.result.filter(({ histograms }) => format !== 'prometheus' || !histograms)
      }
      const before = await ask(host)
      expect(before).toHaveLength(format === 'prometheus' ? 12 : 13)
      expect(await ask(fresh)).toEqual(before)
      const types = async (from: RunningHost): Promise<Record<string, string>> => {
        const { data } = await from.get<{ data: Record<string, { type: string }[]> }>('/api/v1/metadata')
        return Object.fromEntries(Object.entries(data).map(([name, [{ type }]]) => [name, type]))
      }
      const { hits_total, took_seconds, waits, level } = await types(host)
      expect([hits_total, took_seconds, waits, level]).toEqual(['counter', 'histogram', 'summary', 'gauge'])
      expect(await types(fresh)).toMatchObject({ hits_total, took_seconds, waits, level })
    } finally {
      await fresh.stop()
    }
  },
  60_000,
)

it('writes CSV that says everything, with what a cell may hold quoted', async () => {
  const traces = await (await get('format=csv&status=error')).text()
  const rows = traces.split('\r\n')
  expect(rows).toHaveLength(4)
  expect(rows[0]).toMatch(/^trace_id,span_id,parent_id,name,/)
  expect(traces).toContain('"cart, ""eu"""')
  expect(traces).toContain('""n"":""9007199254740993""')
  expect(traces).toMatch(/\d\d\.\d{6}123Z,5000\.333,ERROR,no,/)
  const logs = await (await get('signal=logs&format=csv&severity=17')).text()
  expect(logs.split('\r\n')[1]).toMatch(/,17,ERROR,"cart, ""eu""",line 5,/)
  const samples = await (await get('signal=metrics&format=csv&q=load')).text()
  expect(samples.split('\r\n')[0]).toBe('metric,labels,time,value,type,histogram')
  expect(samples.split('\r\n')).toHaveLength(42)
})

it('refuses what has no form, what cannot be read, and says so before the first byte', async () => {
  expect((await get('signal=logs&format=jaeger')).status).toBe(400)
  expect((await get('q=%22x')).status).toBe(400)
  expect((await get('signal=metrics&format=csv&q=rate(x)')).status).toBe(400)
  expect((await get('format=xml')).status).toBe(400)
})

it('runs as a job with progress, whose file can be fetched', async () => {
  const live = await followLive(host)
  const start = (body: object): Promise<Job> =>
    host.get<Job>('/api/export', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const job = await start({ format: 'csv' })
  await live.wait(
    (message) =>
      message.type === 'jobs' && message.data.items.some(({ id, state }) => id === job.id && state === 'done'),
  )
  live.close()
  const done = await host.get<Job>(`/api/jobs/${job.id}`)
  expect(done.result).toMatchObject({ rows: TRACES, signal: 'traces' })
  const path = `/api/export/${job.id}/file`
  const file = await fetch(host.api + path, { headers: { authorization: `Bearer ${host.token}` } })
  expect([file.status, (await file.text()).split('\r\n').length]).toEqual([200, TRACES * 2 * 1 + 2])
  const missing = await fetch(`${host.api}/api/export/nothing/file`, {
    headers: { authorization: `Bearer ${host.token}` },
  })
  expect(missing.status).toBe(404)
}, 30_000)

it('is a command', async () => {
  const out = join(folder, 'out.csv')
  const at = ['--data-dir', host.dataDir]
  const { code, stdout } = await glassbox([
    'export',
    '--signal',
    'logs',
    '--format',
    'csv',
    '--q',
    'severity>=17',
    '--out',
    out,
    '--json',
    ...at,
  ])
  expect([code, JSON.parse(stdout)]).toEqual([
    0,
    { file: out, signal: 'logs', format: 'csv', bytes: readFileSync(out).length },
  ])
  expect((await glassbox(['export', '--signal', 'logs', '--format', 'zipkin', ...at])).code).toBe(2)
  const piped = await glassbox(['export', '--format', 'zipkin', '--service', 'nobody', ...at])
  expect([piped.code, piped.stdout]).toEqual([0, '[]\n'])
}, 30_000)
