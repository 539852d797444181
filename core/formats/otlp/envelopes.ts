import type { AttributesBuilder } from '../../model/batch-builder.ts'
import { AttrType, type ResourceEntry, type ScopeEntry } from '../../model/columns.ts'
import type { DictionaryBuilder } from '../../model/dictionary-builder.ts'
import type { KeyValue } from '../../model/records.ts'
import { cleanText, lastWins, readAnyValue, readKeyValue, serviceName } from './any-value.ts'
import type { WireReader } from './wire-reader.ts'

/**
 * What trace and log requests share on the wire: Export{Trace,Logs}ServiceRequest is a list of resource envelopes, each
 * a list of scope envelopes, each a list of rows (opentelemetry-proto 1.11). Fields may come in any order, so rows are
 * read after resource and scope: a first pass over an envelope finds them.
 */
export function readEnvelopes(
  reader: WireReader,
  sink: { addResource(entry: ResourceEntry): number; addScope(entry: ScopeEntry): number },
  row: (end: number, resource: number, scope: number) => void,
): void {
  const size = reader.bytes.length
  while (reader.pos < size) {
    const tag = reader.tag(size)
    if (tag !== 0x0a) {
      reader.skip(tag, size)
      continue
    }
    const end = reader.lengthEnd(size)
    const start = reader.pos
    const resource = sink.addResource(readResource(reader, end))
    reader.pos = start
    while (reader.pos < end) {
      const inner = reader.tag(end)
      if (inner === 0x12) readScopeEnvelope(reader, reader.lengthEnd(end), sink, resource, row)
      else reader.skip(inner, end)
    }
  }
}

function readScopeEnvelope(
  reader: WireReader,
  end: number,
  sink: { addScope(entry: ScopeEntry): number },
  resource: number,
  row: (end: number, resource: number, scope: number) => void,
): void {
  const start = reader.pos
  const scope = sink.addScope(readScope(reader, end))
  reader.pos = start
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x12) row(reader.lengthEnd(end), resource, scope)
    else reader.skip(tag, end)
  }
}

function readText(reader: WireReader, end: number): string {
  const to = reader.lengthEnd(end)
  const text = cleanText(reader.bytes.subarray(reader.pos, to))
  reader.pos = to
  return text
}

function readResource(reader: WireReader, end: number): ResourceEntry {
  const attributes: KeyValue[] = []
  let droppedAttributesCount = 0
  let schemaUrl = ''
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a) {
      const to = reader.lengthEnd(end)
      while (reader.pos < to) {
        const inner = reader.tag(to)
        if (inner === 0x0a) attributes.push(readKeyValue(reader, reader.lengthEnd(to)))
        else if (inner === 0x10) droppedAttributesCount = reader.varint(to) >>> 0
        else reader.skip(inner, to)
      }
    } else if (tag === 0x1a) schemaUrl = readText(reader, end)
    else reader.skip(tag, end)
  }
  const unique = lastWins(attributes)
  return { service: serviceName(unique), attributes: JSON.stringify(unique), droppedAttributesCount, schemaUrl }
}

function readScope(reader: WireReader, end: number): ScopeEntry {
  const attributes: KeyValue[] = []
  const scope: ScopeEntry = { name: '', version: '', attributes: '[]', droppedAttributesCount: 0, schemaUrl: '' }
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a) {
      const to = reader.lengthEnd(end)
      while (reader.pos < to) {
        const inner = reader.tag(to)
        if (inner === 0x0a) scope.name = readText(reader, to)
        else if (inner === 0x12) scope.version = readText(reader, to)
        else if (inner === 0x1a) attributes.push(readKeyValue(reader, reader.lengthEnd(to)))
        else if (inner === 0x20) scope.droppedAttributesCount = reader.varint(to) >>> 0
        else reader.skip(inner, to)
      }
    } else if (tag === 0x1a) scope.schemaUrl = readText(reader, end)
    else reader.skip(tag, end)
  }
  scope.attributes = JSON.stringify(lastWins(attributes))
  return scope
}

/** Reads one KeyValue straight into the attribute columns; only arrays and key-value lists become text. */
export function readAttribute(
  reader: WireReader,
  end: number,
  dictionary: DictionaryBuilder,
  into: AttributesBuilder,
): void {
  const { bytes } = reader
  const { alike } = into
  const likelyKey = alike === -1 ? 0 : into.keys[alike]
  let key = 0
  let type: AttrType = AttrType.empty
  let value = 0
  while (reader.pos < end) {
    const tag = reader.tag(end)
    if (tag === 0x0a) {
      const to = reader.lengthEnd(end)
      key = dictionary.internLike(likelyKey, bytes, reader.pos, to)
      reader.pos = to
    } else if (tag === 0x12) {
      const to = reader.lengthEnd(end)
      type = AttrType.empty
      while (reader.pos < to) {
        const start = reader.pos
        const inner = reader.tag(to)
        if (inner === 0x0a) {
          const stop = reader.lengthEnd(to)
          type = AttrType.string
          const likely = alike !== -1 && into.types[alike] === AttrType.string ? into.values[alike] : 0
          value = dictionary.internLike(likely, bytes, reader.pos, stop)
          reader.pos = stop
        } else if (inner === 0x10) {
          type = AttrType.bool
          value = reader.varint(to) === 0 ? 0 : 1
        } else if (inner === 0x18) {
          const at = reader.pos
          value = reader.varint(to)
          type = AttrType.int
          if (value > Number.MAX_SAFE_INTEGER) {
            reader.pos = at
            const wide = reader.int64(to)
            value = Number(wide)
            if (!Number.isSafeInteger(value)) {
              type = AttrType.bigint
              value = dictionary.internText(wide.toString())
            }
          }
        } else if (inner === 0x21) {
          type = AttrType.double
          value = reader.view.getFloat64(reader.fixed(8, to), true)
        } else if (inner === 0x3a) {
          const stop = reader.lengthEnd(to)
          type = AttrType.bytes
          value = dictionary.internText(Buffer.from(bytes.subarray(reader.pos, stop)).toString('base64'))
          reader.pos = stop
        } else if (inner === 0x2a || inner === 0x32) {
          const stop = reader.lengthEnd(to)
          reader.pos = start
          type = AttrType.json
          value = dictionary.internText(JSON.stringify(readAnyValue(reader, stop)))
        } else reader.skip(inner, to)
      }
    } else reader.skip(tag, end)
  }
  into.set(key, type, value)
}
