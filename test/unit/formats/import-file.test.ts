import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { importFile } from '../../../core/formats/import/import-file.ts'
import { jsonPieces } from '../../../core/formats/import/json-pieces.ts'

const NOW_US = 1_790_000_000_000_000
let next = 1

function span(): Record<string, unknown> {
  const id = (next++).toString(16)
  return { traceId: id.padStart(32, '0'), spanId: id.padStart(16, '0'), name: `span "${id}" {[,]}` }
}
const resource = (spans = [span()]) => ({ scopeSpans: [{ spans }] })
const row = () => JSON.stringify({ resourceSpans: [resource()] })
const zipkin = () => {
  const id = (next++).toString(16).padStart(16, '0')
  return { traceId: id, id, name: 'get', timestamp: 1_790_000_000_000_000, duration: 5 }
}
const jaeger = () => {
  const { traceId: traceID, spanId: spanID } = span()
  return {
    traceID,
    spans: [{ traceID, spanID, operationName: 'x', startTime: 1_790_000_000_000_000, duration: 5, processID: 'p1' }],
    processes: { p1: { serviceName: 'cart' } },
  }
}

async function* chunked(bytes: Uint8Array, sizes: number[] = [bytes.length]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length])
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function read(content: string | Uint8Array, name = 'file.json', sizes?: number[]) {
  const found = { spans: 0, refused: [] as { line: number; reason: string }[], warnings: [] as string[] }
  for await (const part of importFile(chunked(Buffer.from(content), sizes), name, NOW_US)) {
    if (part.batch) found.spans += part.batch.n
    if (part.refused) found.refused.push(part.refused)
    if (part.warning) found.warnings.push(part.warning)
  }
  return found
}

describe('a fault costs itself only', () => {
  it('a broken first line of JSONL', async () => {
    for (const broken of ['{"resourceSpans":[{]}', 'log line', '{"resourceSpans":[{"scopeSpans":[{"sp', '']) {
      const found = await read([broken, row(), row()].join('\n'))
      expect(found.spans).toBe(2)
      expect(found.refused.map(({ line }) => line)).toEqual(broken === '' ? [] : [1])
    }
  })

  it('a broken line in the middle, by its number, and a cut last one', async () => {
    const lines = [row(), '', '{"resourceSpans":[{"x":1,]}]}', row(), row().slice(0, -9)]
    const { spans, refused } = await read(lines.join('\r\n'))
    expect(spans).toBe(2)
    expect(refused.map(({ line }) => line)).toEqual([3, 5])
    expect(refused[0].reason).toMatch(/byte \d+ \(line 3, column 26\)/)
    expect(refused[1].reason).toContain('ends too early')
  })

  it('one unknown element of a list', async () => {
    for (const good of [zipkin, () => jaeger(), () => ({ resourceSpans: [resource()] })]) {
      const { spans, refused } = await read(JSON.stringify([good(), { what: 'is this' }, good()], null, 1))
      expect(spans).toBe(2)
      expect(refused).toEqual([{ line: expect.any(Number), reason: expect.stringContaining('neither OTLP') }])
    }
  })

  it('one resource that is not JSON', async () => {
    const parts = [JSON.stringify(resource()), '{"scopeSpans":[{"spans":oops}]}', JSON.stringify(resource())]
    const { spans, refused } = await read(`{"resourceSpans":[\n${parts.join(',\n')}\n]}`)
    expect([spans, refused.map(({ line }) => line)]).toEqual([2, [3]])
  })

  it('nesting of 20,000 levels', async () => {
    const deep = `{"resourceSpans":[{"scopeSpans":${'['.repeat(20_000)}${']'.repeat(20_000)}}]}`
    expect((await read(deep)).spans).toBe(0)
    expect((await read([row(), deep, row()].join('\n'))).spans).toBe(2)
    const arrays = await read(`${'['.repeat(20_000)}${']'.repeat(20_000)}`)
    expect(arrays.spans).toBe(0)
    expect(arrays.refused.length + arrays.warnings.length).toBeGreaterThan(0)
  })

  it.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ] as const)('what comes before a cut of %s', async (name, compress) => {
    // Names that do not compress, so that the cut lies far behind the first lines.
    const noise = () => Array.from({ length: 400 }, () => Math.random().toString(36).slice(2)).join('')
    const lines = Array.from({ length: 400 }, () =>
      JSON.stringify({ resourceSpans: [resource([{ ...span(), name: noise() }])] }),
    )
    const whole = compress(Buffer.from(lines.join('\n')))
    expect((await read(whole)).spans).toBe(400)
    const { spans, refused } = await read(whole.subarray(0, Math.floor(whole.length * 0.7)))
    expect(spans).toBeGreaterThan(100)
    expect(spans).toBeLessThan(400)
    expect(refused.at(-1)?.reason).toContain(`the ${name} data is cut`)
  })
})

describe('nothing is passed over in silence', () => {
  it.each(['', '[]', '{"data":null}', '{"data":[],"total":0}', '{"resourceSpans":[]}', '[[]]', '\n\n'])(
    '%j says that it holds nothing',
    async (content) => {
      const { spans, refused, warnings } = await read(content)
      expect([spans, refused, warnings]).toEqual([0, [], ['the file holds no spans, log records or metrics']])
    },
  )

  it.each(['{}', '{"a":1}', 'true', '"text"', '<html>', '12', '{', '[', '[1,2]', '{"resourceSpans":[{},]}', ']'])(
    '%s is refused',
    async (content) => {
      const { spans, refused } = await read(content)
      expect(spans).toBe(0)
      expect(refused.length).toBeGreaterThan(0)
    },
  )
})

it('reads every form, pretty or not, whatever the size of the chunks', async () => {
  const forms: [unknown, number][] = [
    [{ resourceSpans: [resource(), resource([span(), span()])] }, 3],
    [{ data: [jaeger(), jaeger()], total: 0, limit: 0, offset: 0, errors: null }, 2],
    [jaeger(), 1],
    [[jaeger(), jaeger()], 2],
    [[zipkin(), zipkin()], 2],
    [[[zipkin(), zipkin()], [zipkin()]], 3],
    [{ batches: [resource()] }, 1],
    [{ trace: { resourceSpans: [resource()] } }, 1],
    [[{ resourceSpans: [resource()] }, { resourceSpans: [resource()] }], 2],
  ]
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...forms),
      fc.constantFrom(undefined, 2, '\t'),
      fc.constantFrom('', '\uFEFF', '\n  '),
      fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 }),
      async ([value, spans], indent, before, sizes) => {
        const found = await read(before + JSON.stringify(value, null, indent), 'x.json', sizes)
        expect(found).toEqual({ spans, refused: [], warnings: [] })
      },
    ),
    { numRuns: 300, seed: 11 },
  )
})

it('keeps no more of a line or element than the limit', async () => {
  const long = 'x'.repeat(5000)
  for (const content of [`{"a":1}\n{"b":"${long}"}\n{"c":1}`, `[{"a":1},{"b":"${long}"},{"c":1}]`]) {
    const pieces = []
    for await (const piece of jsonPieces(chunked(Buffer.from(content), [100]), 1000)) pieces.push(piece)
    expect(pieces.map(({ bytes }) => bytes?.toString() ?? null)).toEqual(['{"a":1}', null, '{"c":1}'])
  }
})

it('never throws on mutated files, in any chunking', async () => {
  const base = [row(), row()].join('\n')
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(base, JSON.stringify([zipkin(), zipkin()]), JSON.stringify({ data: [jaeger()] })),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 64 }),
      async (content, edits, size) => {
        const bytes = Buffer.from(content)
        for (const [at, byte] of edits) bytes[at % bytes.length] = byte
        const found = await read(bytes, 'x.json', [size])
        expect(found.spans + found.refused.length + found.warnings.length).toBeGreaterThan(0)
      },
    ),
    { numRuns: 1500, seed: 5 },
  )
})
