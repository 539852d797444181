import { AttrType, type SpanBatch } from '../../../core/model/columns.ts'

/** What a test says of a span; the rest is plain. */
export interface MadeSpan {
  trace?: number
  id?: number
  error?: boolean
  durUs?: number
  name?: string
  service?: string
  attributes?: Record<string, string | number>
}

/** A batch of spans with ids from numbers. */
export function makeSpans(spans: MadeSpan[]): SpanBatch {
  const texts = ['']
  const index = (text: string): number => {
    const at = texts.indexOf(text)
    return at >= 0 ? at : texts.push(text) - 1
  }
  const n = spans.length
  const keys: number[] = []
  const types: number[] = []
  const values: number[] = []
  const offsets = new Uint32Array(n + 1)
  const name = new Uint32Array(n)
  const traceId = new Uint8Array(n * 16)
  const spanId = new Uint8Array(n * 8)
  spans.forEach((span, row) => {
    new DataView(traceId.buffer).setUint32(row * 16 + 12, span.trace ?? row + 1)
    new DataView(spanId.buffer).setUint32(row * 8 + 4, span.id ?? row + 1)
    name[row] = index(span.name ?? 'work')
    for (const [key, value] of Object.entries(span.attributes ?? {})) {
      keys.push(index(key))
      types.push(typeof value === 'string' ? AttrType.string : AttrType.int)
      values.push(typeof value === 'string' ? index(value) : value)
    }
    offsets[row + 1] = keys.length
  })
  const encoded = texts.map((text) => new TextEncoder().encode(text))
  const textOffsets = new Uint32Array(texts.length + 1)
  encoded.forEach((bytes, i) => {
    textOffsets[i + 1] = textOffsets[i] + bytes.length
  })
  const services = [...new Set(spans.map(({ service }) => service ?? 'shop'))]
  const u32 = () => new Uint32Array(n)
  return {
    signal: 'traces',
    n,
    receivedUs: 0,
    dictionary: { bytes: new Uint8Array(Buffer.concat(encoded)), offsets: textOffsets, size: texts.length },
    resources: services.map((service) => ({ service, attributes: '[]', droppedAttributesCount: 0, schemaUrl: '' })),
    scopes: [{ name: '', version: '', attributes: '[]', droppedAttributesCount: 0, schemaUrl: '' }],
    traceId,
    spanId,
    parentId: new Uint8Array(n * 8),
    startUs: new Float64Array(n),
    startNs: new Uint16Array(n),
    durUs: Float64Array.from(spans, (span) => span.durUs ?? 10),
    durNs: new Uint16Array(n),
    name,
    kind: new Uint8Array(n),
    status: Uint8Array.from(spans, (span) => (span.error ? 2 : 0)),
    statusMessage: u32(),
    traceState: u32(),
    flags: u32(),
    resource: Uint32Array.from(spans, ({ service }) => services.indexOf(service ?? 'shop')),
    scope: u32(),
    droppedAttributes: u32(),
    droppedEvents: u32(),
    droppedLinks: u32(),
    events: u32(),
    links: u32(),
    marks: new Uint8Array(n),
    sampleRate: new Uint16Array(n).fill(1),
    attributes: {
      offsets,
      keys: Uint32Array.from(keys),
      types: Uint8Array.from(types),
      values: Float64Array.from(values),
    },
  }
}

/** The span ids of a batch as the numbers they were made from. */
export function idsOf(batch: SpanBatch): number[] {
  const view = new DataView(batch.spanId.buffer, batch.spanId.byteOffset)
  return Array.from({ length: batch.n }, (_, row) => view.getUint32(row * 8 + 4))
}
