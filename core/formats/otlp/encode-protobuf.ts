/** OTLP messages (opentelemetry-proto 1.11) from their JSON form to protobuf. Fields at their default are left out. */

type FieldType =
  | 'string'
  | 'id'
  | 'base64'
  | 'varint'
  | 'int64'
  | 'bool'
  | 'fixed64'
  | 'fixed32'
  | 'double'
  | 'sint32'
  | PackedType
  | MessageName
/** Lists of numbers, which travel as one field. */
type PackedType = 'fixed64s' | 'doubles' | 'varints'
type MessageName = keyof typeof MESSAGES
interface Field {
  number: number
  type: FieldType
  /** Of a `oneof`: written also at its default. */
  chosen?: true
}

const field = (number: number, type: string, chosen?: true): Field => ({ number, type: type as FieldType, chosen })
const attributes = (number: number): Field => field(number, 'KeyValue')

const MESSAGES = {
  TracesData: { resourceSpans: field(1, 'ResourceSpans') },
  ResourceSpans: { resource: field(1, 'Resource'), scopeSpans: field(2, 'ScopeSpans'), schemaUrl: field(3, 'string') },
  ScopeSpans: { scope: field(1, 'Scope'), spans: field(2, 'Span'), schemaUrl: field(3, 'string') },
  Span: {
    traceId: field(1, 'id'),
    spanId: field(2, 'id'),
    traceState: field(3, 'string'),
    parentSpanId: field(4, 'id'),
    name: field(5, 'string'),
    kind: field(6, 'varint'),
    startTimeUnixNano: field(7, 'fixed64'),
    endTimeUnixNano: field(8, 'fixed64'),
    attributes: attributes(9),
    droppedAttributesCount: field(10, 'varint'),
    events: field(11, 'Event'),
    droppedEventsCount: field(12, 'varint'),
    links: field(13, 'Link'),
    droppedLinksCount: field(14, 'varint'),
    status: field(15, 'Status'),
    flags: field(16, 'fixed32'),
  },
  Event: {
    timeUnixNano: field(1, 'fixed64'),
    name: field(2, 'string'),
    attributes: attributes(3),
    droppedAttributesCount: field(4, 'varint'),
  },
  Link: {
    traceId: field(1, 'id'),
    spanId: field(2, 'id'),
    traceState: field(3, 'string'),
    attributes: attributes(4),
    droppedAttributesCount: field(5, 'varint'),
    flags: field(6, 'fixed32'),
  },
  Status: { message: field(2, 'string'), code: field(3, 'varint') },
  LogsData: { resourceLogs: field(1, 'ResourceLogs') },
  ResourceLogs: { resource: field(1, 'Resource'), scopeLogs: field(2, 'ScopeLogs'), schemaUrl: field(3, 'string') },
  ScopeLogs: { scope: field(1, 'Scope'), logRecords: field(2, 'LogRecord'), schemaUrl: field(3, 'string') },
  LogRecord: {
    timeUnixNano: field(1, 'fixed64'),
    severityNumber: field(2, 'varint'),
    severityText: field(3, 'string'),
    body: field(5, 'AnyValue'),
    attributes: attributes(6),
    droppedAttributesCount: field(7, 'varint'),
    flags: field(8, 'fixed32'),
    traceId: field(9, 'id'),
    spanId: field(10, 'id'),
    observedTimeUnixNano: field(11, 'fixed64'),
    eventName: field(12, 'string'),
  },
  MetricsData: { resourceMetrics: field(1, 'ResourceMetrics') },
  ResourceMetrics: {
    resource: field(1, 'Resource'),
    scopeMetrics: field(2, 'ScopeMetrics'),
    schemaUrl: field(3, 'string'),
  },
  ScopeMetrics: { scope: field(1, 'Scope'), metrics: field(2, 'Metric'), schemaUrl: field(3, 'string') },
  Metric: {
    name: field(1, 'string'),
    description: field(2, 'string'),
    unit: field(3, 'string'),
    gauge: field(5, 'Gauge', true),
    sum: field(7, 'Sum', true),
    histogram: field(9, 'Histogram', true),
    exponentialHistogram: field(10, 'ExponentialHistogram', true),
    summary: field(11, 'Summary', true),
  },
  Gauge: { dataPoints: field(1, 'NumberDataPoint') },
  Sum: {
    dataPoints: field(1, 'NumberDataPoint'),
    aggregationTemporality: field(2, 'varint'),
    isMonotonic: field(3, 'bool'),
  },
  Histogram: { dataPoints: field(1, 'HistogramDataPoint'), aggregationTemporality: field(2, 'varint') },
  ExponentialHistogram: {
    dataPoints: field(1, 'ExponentialHistogramDataPoint'),
    aggregationTemporality: field(2, 'varint'),
  },
  Summary: { dataPoints: field(1, 'SummaryDataPoint') },
  NumberDataPoint: {
    timeUnixNano: field(3, 'fixed64'),
    asDouble: field(4, 'double', true),
    attributes: attributes(7),
    flags: field(8, 'varint'),
  },
  HistogramDataPoint: {
    timeUnixNano: field(3, 'fixed64'),
    count: field(4, 'fixed64'),
    sum: field(5, 'double', true),
    bucketCounts: field(6, 'fixed64s'),
    explicitBounds: field(7, 'doubles'),
    attributes: attributes(9),
    flags: field(10, 'varint'),
  },
  ExponentialHistogramDataPoint: {
    attributes: attributes(1),
    timeUnixNano: field(3, 'fixed64'),
    count: field(4, 'fixed64'),
    sum: field(5, 'double', true),
    scale: field(6, 'sint32'),
    zeroCount: field(7, 'fixed64'),
    positive: field(8, 'Buckets'),
    negative: field(9, 'Buckets'),
    flags: field(10, 'varint'),
    zeroThreshold: field(14, 'double'),
  },
  Buckets: { offset: field(1, 'sint32'), bucketCounts: field(2, 'varints') },
  SummaryDataPoint: {
    timeUnixNano: field(3, 'fixed64'),
    count: field(4, 'fixed64'),
    sum: field(5, 'double', true),
    quantileValues: field(6, 'ValueAtQuantile'),
    attributes: attributes(7),
    flags: field(8, 'varint'),
  },
  ValueAtQuantile: { quantile: field(1, 'double', true), value: field(2, 'double', true) },
  Resource: { attributes: attributes(1), droppedAttributesCount: field(2, 'varint') },
  Scope: {
    name: field(1, 'string'),
    version: field(2, 'string'),
    attributes: attributes(3),
    droppedAttributesCount: field(4, 'varint'),
  },
  KeyValue: { key: field(1, 'string'), value: field(2, 'AnyValue') },
  AnyValue: {
    stringValue: field(1, 'string', true),
    boolValue: field(2, 'bool', true),
    intValue: field(3, 'int64', true),
    doubleValue: field(4, 'double', true),
    arrayValue: field(5, 'ArrayValue', true),
    kvlistValue: field(6, 'KeyValueList', true),
    bytesValue: field(7, 'base64', true),
  },
  ArrayValue: { values: field(1, 'AnyValue') },
  KeyValueList: { values: field(1, 'KeyValue') },
} satisfies Record<string, Record<string, Field>>

/**
 * One message of OTLP in the JSON form that `exportOtlp` writes. Messages that follow one another in a file are one, as
 * their lists add up.
 */
export function encodeOtlp(message: 'TracesData' | 'LogsData' | 'MetricsData', value: object): Buffer {
  const parts: Buffer[] = []
  write(message, value as Record<string, unknown>, parts)
  return Buffer.concat(parts)
}

/** Appends the fields of a message; answers their length. */
function write(message: MessageName, value: Record<string, unknown>, out: Buffer[]): number {
  let length = 0
  for (const [name, { number, type, chosen }] of Object.entries(MESSAGES[message]) as [string, Field][]) {
    const given = value[name]
    if (given === undefined || given === null) continue
    if (type === 'fixed64s' || type === 'doubles' || type === 'varints')
      length += writePacked(number, type, given as (number | string)[], out)
    else
      for (const one of Array.isArray(given) ? given : [given])
        length += writeField(number, type, one, chosen === true, out)
  }
  return length
}

function writePacked(number: number, type: PackedType, values: readonly (number | string)[], out: Buffer[]): number {
  if (values.length === 0) return 0
  const wide = Buffer.alloc(type === 'varints' ? 0 : values.length * 8)
  if (type === 'fixed64s') values.forEach((value, i) => void wide.writeBigUInt64LE(BigInt(value), i * 8))
  else if (type === 'doubles') values.forEach((value, i) => void wide.writeDoubleLE(Number(value), i * 8))
  const content = type === 'varints' ? Buffer.concat(values.map((value) => varint(BigInt(value)))) : wide
  const head = Buffer.concat([varint((number << 3) | 2), varint(content.length)])
  out.push(head, content)
  return head.length + content.length
}

function writeField(
  number: number,
  type: Exclude<FieldType, PackedType>,
  value: unknown,
  chosen: boolean,
  out: Buffer[],
): number {
  const bytes = (wire: number, content: Buffer): number => {
    const head = varint((number << 3) | wire)
    out.push(head, content)
    return head.length + content.length
  }
  const delimited = (content: Buffer): number =>
    content.length === 0 && !chosen ? 0 : bytes(2, Buffer.concat([varint(content.length), content]))
  switch (type) {
    case 'string':
      return delimited(Buffer.from(value as string, 'utf8'))
    case 'id':
      return delimited(Buffer.from(value as string, 'hex'))
    case 'base64':
      return delimited(Buffer.from(value as string, 'base64'))
    case 'varint':
    case 'bool':
      return value || chosen ? bytes(0, varint(Number(value))) : 0
    case 'int64':
      return bytes(0, varint(BigInt.asUintN(64, BigInt(value as string))))
    case 'sint32':
      return value ? bytes(0, varint(Number(value) < 0 ? -2 * Number(value) - 1 : 2 * Number(value))) : 0
    case 'fixed64': {
      const nanos = BigInt(value as string)
      if (nanos === 0n) return 0
      const content = Buffer.alloc(8)
      content.writeBigUInt64LE(BigInt.asUintN(64, nanos))
      return bytes(1, content)
    }
    case 'fixed32': {
      if (!value) return 0
      const content = Buffer.alloc(4)
      content.writeUInt32LE(Number(value) >>> 0)
      return bytes(5, content)
    }
    case 'double': {
      const content = Buffer.alloc(8)
      content.writeDoubleLE(Number(value))
      return bytes(1, content)
    }
    default: {
      const parts: Buffer[] = []
      write(type, value as Record<string, unknown>, parts)
      // An empty message in a list or a `oneof` stands for itself.
      const content = Buffer.concat(parts)
      return bytes(2, Buffer.concat([varint(content.length), content]))
    }
  }
}

function varint(value: number | bigint): Buffer {
  if (typeof value === 'number' && value < 128) return Buffer.from([value])
  const out: number[] = []
  let rest = BigInt(value)
  while (rest > 127n) {
    out.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  return Buffer.from([...out, Number(rest)])
}
