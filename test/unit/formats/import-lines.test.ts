import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ImportPart, importFile } from '../../../core/formats/import/import-file.ts'
import { encodeLogs, encodeTraces } from '../../fixtures/otlp-protobuf.ts'
import { randomResourceSpans } from '../../fixtures/random-spans.ts'

const NOW_US = 1_790_000_000_000_000

interface Report {
  spans: number
  logs: number
  names: string[]
  refused: { line: number; reason: string }[]
  warnings: string[]
}

async function* chunked(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(
  content: string | Uint8Array,
  { name = 'file.json', size = 64 * 1024, most }: { name?: string; size?: number; most?: number } = {},
): Promise<Report> {
  const report: Report = { spans: 0, logs: 0, names: [], refused: [], warnings: [] }
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  for await (const part of importFile(chunked(bytes, size), name, NOW_US, most)) take(report, part)
  return report
}

function take(report: Report, { batch, refused, warning }: ImportPart): void {
  if (refused) report.refused.push(refused)
  if (warning) report.warnings.push(warning)
  if (!batch) return
  if (batch.signal === 'logs') report.logs += batch.n
  else {
    report.spans += batch.n
    for (let row = 0; row < batch.n; row++) {
      const { bytes, offsets } = batch.dictionary
      report.names.push(Buffer.from(bytes.subarray(offsets[batch.name[row]], offsets[batch.name[row] + 1])).toString())
    }
  }
}

const otlpSpan = (name: string, id: number) => ({
  traceId: id.toString(16).padStart(32, '0'),
  spanId: id.toString(16).padStart(16, '0'),
  name,
  startTimeUnixNano: '1790000000000000000',
  endTimeUnixNano: '1790000000000001000',
})
const otlp = (...names: string[]) => ({
  resourceSpans: [{ scopeSpans: [{ spans: names.map((name, at) => otlpSpan(name, at + 1)) }] }],
})
const line = (...names: string[]): string => JSON.stringify(otlp(...names))
const zipkin = (name: string, id: number) => ({
  traceId: 'a'.repeat(32),
  id: id.toString(16).padStart(16, '0'),
  name,
  timestamp: 1_790_000_000_000_000,
  duration: 5,
})
const jaeger = (name: string) => ({
  traceID: 'b'.repeat(32),
  spans: [{ traceID: 'b'.repeat(32), spanID: 'c'.repeat(16), operationName: name, startTime: 1, duration: 2 }],
  processes: {},
})

describe('compressed files', () => {
  const whole = Buffer.from(Array.from({ length: 300 }, (_, i) => line(`span ${i} ${Math.sin(i)}`)).join('\n'))
  it.each([
    ['gzip', gzipSync(whole)],
    ['zstd', zstdCompressSync(whole, { params: { [constants.ZSTD_c_checksumFlag]: 1 } })],
  ])('%s: whole, then cut at many places, then damaged', async (kind, packed) => {
    expect(await read(packed)).toMatchObject({ spans: 300, refused: [] })
    for (let cut = 5; cut < packed.length; cut += Math.ceil(packed.length / 40)) {
      const { spans, refused } = await read(packed.subarray(0, cut), { size: 700 })
      expect(spans, `cut at ${cut}`).toBeLessThan(301)
      expect(refused.at(-1)?.reason, `cut at ${cut}`).toMatch(new RegExp(`${kind} data is cut or damaged after \\d+`))
    }
    const damaged = Buffer.from(packed)
    damaged.fill(0xff, packed.length >> 1, (packed.length >> 1) + 20)
    expect((await read(damaged)).refused.at(-1)?.reason).toMatch(`${kind} data is cut or damaged`)
  })

  it('reads several gzip members in a row', async () => {
    const members = Buffer.concat([gzipSync(`${line('a')}\n`), gzipSync(`${line('b')}\n`)])
    expect((await read(members)).names).toEqual(['a', 'b'])
  })

  it('passes on the failure of the source as it is', async () => {
    const packed = gzipSync(whole)
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield packed.subarray(0, 100)
      throw new Error('the client went away')
    }
    await expect(async () => {
      for await (const _ of importFile(broken(), 'a.gz', NOW_US));
    }).rejects.toThrow('the client went away')
  })
})

describe('JSON lines', () => {
  it('a bad line costs that line and is named by its number, wherever it stands', async () => {
    for (const at of [0, 1, 2, 3]) {
      for (const bad of ['{"resourceSpans":[{"scopeSpans":[{', 'no json', '{"a":1,}', '[1,2', '{"foo":1}', '{']) {
        const rows = ['a', 'b', 'c'].map((name) => line(name))
        rows.splice(at, 0, bad)
        const report = await read(rows.join('\n'))
        expect(report.names, `${bad} on line ${at + 1}`).toEqual(['a', 'b', 'c'])
        expect(
          report.refused.map((entry) => entry.line),
          `${bad} on line ${at + 1}`,
        ).toEqual([at + 1])
      }
    }
  })

  it('a bad first line of two costs itself', async () => {
    const report = await read(`{"resourceSpans":[{"sco\n${line('good')}`)
    expect(report.names).toEqual(['good'])
    expect(report.refused).toEqual([
      { line: 1, reason: expect.stringMatching(/byte 23 \(line 1, column 24\).*too early/) },
    ])
  })

  it('passes over blank lines, carriage returns and a byte order mark', async () => {
    const report = await read(`\uFEFF\n\r\n  \n${line('a')}\r\n\n${line('b')}\r\n\n`)
    expect(report).toMatchObject({ names: ['a', 'b'], refused: [], warnings: [] })
  })

  it('names the line of a span that is refused, and keeps its neighbours', async () => {
    const bad = JSON.stringify({
      resourceSpans: [{ scopeSpans: [{ spans: [{ ...otlpSpan('x', 1), traceId: 'zz' }] }] }],
    })
    const report = await read([line('a'), line('b'), bad, line('c'), bad].join('\n'))
    expect(report.names).toEqual(['a', 'b', 'c'])
    expect(report.refused.map((entry) => entry.line)).toEqual([3, 5])
    expect(report.refused[0].reason).toContain('invalid_trace_id: traceId "zz"')
  })

  it('refuses a line above the limit and reads on', async () => {
    const long = line('x'.repeat(5000))
    const report = await read([line('a'), long, line('b')].join('\n'), { most: 2000, size: 100 })
    expect(report.names).toEqual(['a', 'b'])
    expect(report.refused).toEqual([{ line: 2, reason: expect.stringContaining('longer than 2000 bytes') }])
  })
})

describe('JSON documents', () => {
  const pretty = (value: unknown): string => JSON.stringify(value, null, 2)

  it('an unknown item of a list costs that item', async () => {
    const list = [zipkin('a', 1), 42, zipkin('b', 2), null, { foo: 1 }, jaeger('c'), [zipkin('d', 3)], otlp('e')]
    for (const text of [JSON.stringify(list), pretty(list)]) {
      const report = await read(text)
      expect(report.names.sort()).toEqual(['a', 'b', 'c', 'd', 'e'])
      expect(report.refused).toHaveLength(3)
    }
    const lines = pretty(list).split('\n')
    const { refused } = await read(pretty(list))
    expect(refused.map((entry) => entry.line)).toEqual([
      lines.indexOf('  42,') + 1,
      lines.indexOf('  null,') + 1,
      lines.findIndex((text) => text.includes('"foo"')),
    ])
  })

  it.each(['[]', '{"data":null}', '{"resourceSpans":[]}', '{"data":[]}', ' [ ] \n'])(
    '%s says that it is empty',
    async (text) => {
      expect(await read(text)).toMatchObject({
        spans: 0,
        refused: [],
        warnings: ['the file holds no spans, log records or metrics'],
      })
    },
  )

  it.each(['', '\n\n', 'hello', '42', '"text"', '{"data":7}', '{"resourceSpans":{}}', '[[[[[]]]]]', '\uFFFD\0\0'])(
    '%j is refused or called empty',
    async (text) => {
      const report = await read(text)
      expect(report.spans + report.logs).toBe(0)
      expect(report.refused.length + report.warnings.length).toBeGreaterThan(0)
    },
  )

  it('survives what is nested 20,000 deep, and says so', async () => {
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    for (const text of [
      deep,
      `{"resourceSpans":[${deep}]}`,
      `{"data":[{"spans":[{"traceID":"a1","spanID":"b1","startTime":1,"tags":[{"key":"k","value":${deep}}]}]}]}`,
      `${line('a')}\n{"spans":[{"traceID":"a1","spanID":"b1","startTime":1,"tags":[{"key":"k","value":${deep}}]}]}\n${line('b')}`,
      `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":${deep}}]}]}]}`,
      `[{"traceId":${deep},"id":"1","timestamp":1234567890123456}]`,
    ]) {
      const report = await read(text)
      expect(report.refused.length + report.spans, text.slice(0, 60)).toBeGreaterThan(0)
    }
    expect((await read(`${line('a')}\n${deep}\n${line('b')}`)).names).toEqual(['a', 'b'])
  })

  it('a cut file gives what is whole and says where it ends', async () => {
    const text = pretty({ resourceSpans: ['a', 'b', 'c'].map((name) => otlp(name).resourceSpans[0]) })
    for (let cut = 1; cut < text.length - 1; cut += 7) {
      const report = await read(text.slice(0, cut))
      expect(report.refused, `cut at ${cut}`).toHaveLength(1)
      expect(report.refused[0].reason).toMatch(/byte \d+ \(line \d+, column \d+\)/)
    }
    expect((await read(text.slice(0, -20))).names).toEqual(['a', 'b'])
  })

  it('a list item above the limit is refused alone', async () => {
    const report = await read(JSON.stringify([zipkin('a', 1), zipkin('x'.repeat(900), 2), zipkin('b', 3)]), {
      most: 500,
    })
    expect(report.names).toEqual(['a', 'b'])
    expect(report.refused[0].reason).toMatch(/longer than 500 bytes/)
  })

  it('knows what is nearly right', async () => {
    expect((await read('{"resource_spans":[]}')).refused[0].reason).toContain('lowerCamelCase')
    expect((await read('[{"traceID":"1","spanID":"2"}]')).refused[0].reason).toContain('outside a trace')
    expect((await read('[{"traceId":"1","id":"2","binaryAnnotations":[]}]')).refused[0].reason).toContain('Zipkin v1')
    expect((await read(Buffer.from('\uFEFF{}', 'utf16le'))).refused[0].reason).toContain('UTF-16')
    expect((await read(JSON.stringify({ trace: otlp('tempo') }))).names).toEqual(['tempo'])
  })

  it('means the same whatever the chunks, the layout and the characters', async () => {
    const name = fc.string({ unit: fc.constantFrom('a', '"', '\\', '{', '[', ']', '}', ',', ':', 'é', '🙂', '\n') })
    await fc.assert(
      fc.asyncProperty(
        fc.array(name, { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(0, 2),
        async (names, size, indent) => {
          const values = [
            { resourceSpans: names.map((text) => otlp(text).resourceSpans[0]), note: '[{"', resourceLogs: [] },
            names.map((text, at) => zipkin(text, at + 1)),
            { total: 0, data: names.map(jaeger), errors: null },
            names.map((text) => [zipkin(text, 1)]),
            names.map(jaeger),
          ]
          for (const value of values) {
            const report = await read(JSON.stringify(value, null, indent), { size })
            expect(report.names).toEqual(names)
            expect(report.refused).toEqual([])
          }
          const rows = names.map((text) => JSON.stringify(otlp(text))).join('\n')
          if (names.length > 0) expect((await read(rows, { size })).names).toEqual(names)
        },
      ),
      { numRuns: 150 },
    )
  })
})

describe('protobuf files', () => {
  const spans = randomResourceSpans(40, 4, 7, 1_790_000_000_000)
  const logs = [
    {
      scopeLogs: [
        { logRecords: [{ timeUnixNano: '1790000000000000000', severityNumber: 9, body: { stringValue: 'x' } }] },
      ],
    },
  ]
  const bytes = encodeTraces(spans)

  it('requests in a row are one file, in chunks of any size', async () => {
    for (const size of [1, 17, 4096]) {
      const report = await read(Buffer.concat([bytes, bytes, encodeLogs(logs)]), { name: 'all.pb', size })
      expect(report).toMatchObject({ spans: 80, logs: 1, refused: [] })
    }
  })

  it("reads the Collector's length-prefixed form", async () => {
    const framed = (part: Uint8Array): Buffer => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(part.length)
      return Buffer.concat([length, part])
    }
    const file = Buffer.concat([framed(bytes), framed(encodeLogs(logs)), framed(bytes)])
    expect(await read(file, { name: 'traces.data', size: 33 })).toMatchObject({ spans: 80, logs: 1, refused: [] })
  })

  it('cut at every offset: the whole parts come in, the rest is refused with its byte', async () => {
    for (let cut = 1; cut < bytes.length; cut += 11) {
      const report = await read(bytes.subarray(0, cut), { name: 'a.pb' })
      expect(report.spans).toBeLessThan(40)
      if (report.refused.length > 0) expect(report.refused[0].reason).toMatch(/byte \d+/)
      else expect(report.spans).toBeGreaterThan(0)
    }
  })

  it('metrics are not taken for logs', async () => {
    // ResourceMetrics { ScopeMetrics { Metric { name "m", gauge {} } } }
    const metric = Uint8Array.from([0x0a, 0x01, 0x6d, 0x2a, 0x00])
    const scope = Uint8Array.from([0x12, metric.length, ...metric])
    const resource = Uint8Array.from([0x12, scope.length, ...scope])
    const report = await read(Uint8Array.from([0x0a, resource.length, ...resource]), { name: 'm.pb' })
    expect(report).toMatchObject({ spans: 0, logs: 0, refused: [], warnings: [expect.stringContaining('metrics')] })
  })
})

it('two halves of a Zipkin span find each other across a long file', async () => {
  const many = Array.from({ length: 8000 }, (_, i) => zipkin(`span ${i}`, i + 10))
  const pair = [{ ...zipkin('client', 1), kind: 'CLIENT' }, ...many, { ...zipkin('server', 1), kind: 'SERVER' }]
  const ids = new Set<string>()
  for await (const { batch } of importFile(chunked(Buffer.from(JSON.stringify(pair)), 65_536), 'z.json', NOW_US)) {
    if (batch?.signal !== 'traces') continue
    for (let row = 0; row < batch.n; row++)
      ids.add(Buffer.from(batch.spanId.subarray(row * 8, row * 8 + 8)).toString('hex'))
  }
  expect(ids.size).toBe(8002)
})

it('holds little of a large file', async () => {
  const row = `${line(...Array.from({ length: 50 }, (_, i) => `GET /${i}`))}\n`
  const chunk = Buffer.from(row.repeat(40))
  const chunks = process.env.GLASSBOX_LONG ? 12_000 : 120
  const source = async function* (): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < chunks; i++) yield chunk
  }
  let spans = 0
  let most = 0
  for await (const { batch } of importFile(source(), 'big.jsonl', NOW_US)) {
    if (!batch) continue
    spans += batch.n
    most = Math.max(most, batch.n)
  }
  expect(spans).toBe(chunks * 40 * 50)
  // One batch never holds more than what a group of 1 MiB and one line more can give.
  expect(most).toBeLessThan(12_000)
}, 600_000)
