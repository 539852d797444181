import type { SpanBatch } from '../../model/columns.ts'
import { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import { gather, gatherIds } from '../../model/picked-rows.ts'
import { allTexts, ColumnReader, checkJsonList } from './column-reader.ts'
import { ColumnWriter } from './column-writer.ts'
import {
  allRows,
  internTexts,
  type PartRows,
  readAttributes,
  readShared,
  resourceOf,
  scopeOf,
  writeAttributes,
  writeShared,
  writeTexts,
} from './part-rows.ts'

const ROOT = 0
const FOREIGN = 1

/** The body of a part of spans (FORMAT.md, "Spans"): rows of one trace lie together, by start. */
export function encodeSpans(batches: readonly SpanBatch[]): Uint8Array {
  const { rows, traceIds, sizes } = byTrace(batches)
  const out = new ColumnWriter()
  const u8 = (pick: (b: SpanBatch) => Uint8Array) => gather(rows, pick, new Uint8Array(rows.n))
  const u16 = (pick: (b: SpanBatch) => Uint16Array) => gather(rows, pick, new Uint16Array(rows.n))
  const u32 = (pick: (b: SpanBatch) => Uint32Array) => gather(rows, pick, new Uint32Array(rows.n))
  const f64 = (pick: (b: SpanBatch) => Float64Array) => gather(rows, pick, new Float64Array(rows.n))
  const spanIds = gatherIds(rows, (b) => b.spanId, 8)
  const parents = parentCodes(
    spanIds,
    gatherIds(rows, (b) => b.parentId, 8),
    sizes,
  )
  out.bytes('traceId', traceIds)
  out.uints('traceSize', sizes)
  out.bytes('spanId', spanIds)
  out.uints('parent', parents.codes)
  out.bytes('parentId', parents.foreign)
  out.numbers(
    'startUs',
    f64((b) => b.startUs),
    true,
  )
  out.uints(
    'startNs',
    u16((b) => b.startNs),
  )
  out.numbers(
    'durUs',
    f64((b) => b.durUs),
    false,
  )
  out.uints(
    'durNs',
    u16((b) => b.durNs),
  )
  out.uints(
    'kind',
    u8((b) => b.kind),
  )
  out.uints(
    'status',
    u8((b) => b.status),
  )
  writeTexts(out, 'name', rows, (b) => b.name)
  writeTexts(out, 'statusMessage', rows, (b) => b.statusMessage)
  writeTexts(out, 'traceState', rows, (b) => b.traceState)
  writeTexts(out, 'events', rows, (b) => b.events)
  writeTexts(out, 'links', rows, (b) => b.links)
  out.uints(
    'flags',
    u32((b) => b.flags),
  )
  out.uints(
    'droppedAttributes',
    u32((b) => b.droppedAttributes),
  )
  out.uints(
    'droppedEvents',
    u32((b) => b.droppedEvents),
  )
  out.uints(
    'droppedLinks',
    u32((b) => b.droppedLinks),
  )
  out.uints(
    'marks',
    u8((b) => b.marks),
  )
  out.uints(
    'sampleRate',
    u16((b) => b.sampleRate),
  )
  writeShared(
    out,
    'resource',
    rows,
    (b) => b.resources,
    (b) => b.resource,
  )
  writeShared(
    out,
    'scope',
    rows,
    (b) => b.scopes,
    (b) => b.scope,
  )
  writeAttributes(out, rows)
  return out.finish(rows.n)
}

/** Orders rows by trace, traces by their earliest span, spans of a trace by start. */
function byTrace(batches: readonly SpanBatch[]): {
  rows: PartRows<SpanBatch>
  traceIds: Uint8Array
  sizes: Uint32Array
} {
  const all = allRows(batches)
  const found = new Map<string, number[]>()
  const bytes = batches.map(({ traceId }) => Buffer.from(traceId.buffer, traceId.byteOffset, traceId.byteLength))
  let last = ''
  let open: number[] = []
  for (let i = 0; i < all.n; i++) {
    const at = all.row[i] * 16
    const id = bytes[all.source[i]].toString('latin1', at, at + 16)
    if (id !== last) {
      last = id
      const known = found.get(id)
      if (known) open = known
      else {
        open = []
        found.set(id, open)
      }
    }
    open.push(i)
  }
  const start = gather(all, (b) => b.startUs, new Float64Array(all.n))
  const ns = gather(all, (b) => b.startNs, new Uint16Array(all.n))
  const traces = [...found].map(([id, members]) => {
    if (members.length > 1) members.sort((a, b) => start[a] - start[b] || ns[a] - ns[b] || a - b)
    return { id, members, start: start[members[0]] }
  })
  traces.sort((a, b) => a.start - b.start || (a.id < b.id ? -1 : 1))
  const source = new Uint32Array(all.n)
  const row = new Uint32Array(all.n)
  const traceIds = Buffer.alloc(traces.length * 16)
  const sizes = new Uint32Array(traces.length)
  let to = 0
  traces.forEach(({ id, members }, t) => {
    traceIds.write(id, t * 16, 'latin1')
    sizes[t] = members.length
    for (const i of members) {
      source[to] = all.source[i]
      row[to++] = all.row[i]
    }
  })
  return { rows: { ...all, source, row }, traceIds, sizes }
}

/** Traces of more spans have their parents looked up by a table. */
const FEW = 48

/** Parents as the distance to their row within the trace (0 = root, 1 = not here, else 2 + the distance, zigzag). */
function parentCodes(
  spanIds: Uint8Array,
  parentIds: Uint8Array,
  sizes: Uint32Array,
): { codes: Uint32Array; foreign: Uint8Array } {
  const own = new Uint32Array(spanIds.buffer, spanIds.byteOffset, spanIds.length / 4)
  const parents = new Uint32Array(parentIds.buffer, parentIds.byteOffset, parentIds.length / 4)
  const codes = new Uint32Array(spanIds.length / 8)
  const foreign: Uint8Array[] = []
  let from = 0
  for (const size of sizes) {
    const end = from + size
    const table = size > FEW ? new Map<bigint, number>() : null
    if (table) for (let i = end - 1; i >= from; i--) table.set(idOf(own, i), i)
    for (let i = from; i < end; i++) {
      const low = parents[2 * i]
      const high = parents[2 * i + 1]
      if (low === 0 && high === 0) continue
      let row = table ? (table.get(idOf(parents, i)) ?? end) : from
      if (!table) while (row < end && (own[2 * row] !== low || own[2 * row + 1] !== high)) row++
      if (row === end) {
        codes[i] = FOREIGN
        foreign.push(parentIds.subarray(i * 8, i * 8 + 8))
      } else {
        const step = row - i
        codes[i] = (step >= 0 ? step * 2 : -step * 2 - 1) + 2
      }
    }
    from = end
  }
  return { codes, foreign: Buffer.concat(foreign) }
}

const idOf = (words: Uint32Array, row: number): bigint => (BigInt(words[2 * row]) << 32n) | BigInt(words[2 * row + 1])

function parentsOf(codes: Uint32Array, spanIds: Uint8Array, foreign: Uint8Array): Uint8Array {
  const out = new Uint8Array(codes.length * 8)
  let next = 0
  for (let i = 0; i < codes.length; i++) {
    if (codes[i] === ROOT) continue
    if (codes[i] === FOREIGN) {
      out.set(foreign.subarray(next, next + 8), i * 8)
      next += 8
      continue
    }
    const coded = codes[i] - 2
    const row = i + (coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2)
    if (row < 0 || row >= codes.length) throw new RangeError('a parent lies outside the part')
    for (let k = 0; k < 8; k++) out[i * 8 + k] = spanIds[row * 8 + k]
  }
  if (next !== foreign.length) throw new RangeError('parent ids are left over')
  return out
}

/** A part of spans as a batch; `receivedUs` is the caller's to set. @throws GlassboxError `archive_damaged`, RangeError */
export function decodeSpans(body: Uint8Array): SpanBatch {
  const from = new ColumnReader(body)
  const n = from.rows
  const dictionary = new DictionaryBuilder()
  const sizes = from.uints('traceSize', null)
  const traceIds = from.bytes('traceId', sizes.length * 16)
  const traceId = new Uint8Array(n * 16)
  let row = 0
  sizes.forEach((size, t) => {
    if (row + size > n) throw new RangeError('traces have more spans than there are rows')
    for (const end = row + size; row < end; row++) traceId.set(traceIds.subarray(t * 16, t * 16 + 16), row * 16)
  })
  if (row !== n) throw new RangeError('traces have fewer spans than there are rows')
  const spanId = from.bytes('spanId', n * 8)
  const [events, links] = ['events', 'links'].map((name) => {
    const texts = from.texts(name)
    for (const text of allTexts(texts)) if (text !== '') checkJsonList(text, name)
    return internTexts(dictionary, texts)
  })
  const resources = readShared(from, 'resource', resourceOf)
  const scopes = readShared(from, 'scope', scopeOf)
  return {
    signal: 'traces',
    n,
    receivedUs: 0,
    resources: resources.entries,
    scopes: scopes.entries,
    traceId,
    spanId,
    parentId: parentsOf(from.uints('parent'), spanId, from.bytes('parentId')),
    startUs: from.numbers('startUs'),
    startNs: new Uint16Array(from.below('startNs', 1000)),
    durUs: from.numbers('durUs'),
    durNs: new Uint16Array(from.below('durNs', 1000)),
    name: internTexts(dictionary, from.texts('name')),
    kind: new Uint8Array(from.below('kind', 6)),
    status: new Uint8Array(from.below('status', 3)),
    statusMessage: internTexts(dictionary, from.texts('statusMessage')),
    traceState: internTexts(dictionary, from.texts('traceState')),
    flags: from.uints('flags'),
    resource: resources.index,
    scope: scopes.index,
    droppedAttributes: from.uints('droppedAttributes'),
    droppedEvents: from.uints('droppedEvents'),
    droppedLinks: from.uints('droppedLinks'),
    events,
    links,
    marks: new Uint8Array(from.below('marks', 256)),
    sampleRate: new Uint16Array(from.below('sampleRate', 65_536)),
    attributes: readAttributes(from, dictionary),
    dictionary: dictionary.finish(),
  }
}
