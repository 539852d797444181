import {
  asInt64,
  asList,
  asObject,
  asText,
  canonicalPairs,
  cleanString,
  type Json,
  parseBody,
  readId,
} from './json-values.ts'
import {
  emptyMetric,
  emptyPoint,
  type OtlpBuckets,
  type OtlpExemplar,
  type OtlpMetric,
  type OtlpPoint,
  type OtlpResourceMetrics,
} from './metric-points.ts'

const KINDS = {
  gauge: 'gauge',
  sum: 'sum',
  histogram: 'histogram',
  exponentialHistogram: 'exponential',
  summary: 'summary',
} as const
const TEMPORALITIES: Record<string, number> = {
  AGGREGATION_TEMPORALITY_DELTA: 1,
  AGGREGATION_TEMPORALITY_CUMULATIVE: 2,
}

/**
 * Reads an ExportMetricsServiceRequest in OTLP/JSON.
 * @throws GlassboxError `malformed_body` with line and column
 */
export function readMetricsJson(bytes: Uint8Array): { resources: OtlpResourceMetrics[]; warnings: string[] } {
  return metricsFromJson(bytes.length === 0 ? {} : parseBody(bytes))
}

/** The same from a value already parsed (file import). */
export function metricsFromJson(body: unknown): { resources: OtlpResourceMetrics[]; warnings: string[] } {
  const top = asObject(body)
  const warnings: string[] = []
  if (Object.keys(top).length > 0 && top.resourceMetrics === undefined)
    warnings.push(`the body has no resourceMetrics; it has ${Object.keys(top).slice(0, 3).join(', ')}`)
  const resources = asList(top.resourceMetrics).map((entry) => ({
    resource: canonicalPairs(asObject(asObject(entry).resource).attributes),
    scopes: asList(asObject(entry).scopeMetrics).map((scope) => ({
      name: cleanString(asText(asObject(asObject(scope).scope).name)),
      version: cleanString(asText(asObject(asObject(scope).scope).version)),
      metrics: asList(asObject(scope).metrics).map((metric) => readMetric(asObject(metric))),
    })),
  }))
  return { resources, warnings }
}

function readMetric(json: Json): OtlpMetric {
  const out = emptyMetric()
  out.name = cleanString(asText(json.name))
  out.description = cleanString(asText(json.description))
  out.unit = cleanString(asText(json.unit))
  for (const [key, kind] of Object.entries(KINDS)) {
    if (json[key] === undefined || json[key] === null) continue
    const data = asObject(json[key])
    out.kind = kind
    out.monotonic = data.isMonotonic === true
    out.temporality = TEMPORALITIES[asText(data.aggregationTemporality)] ?? Number(data.aggregationTemporality ?? 0)
    out.points = asList(data.dataPoints).map((point) => readPoint(asObject(point)))
  }
  return out
}

function readPoint(json: Json): OtlpPoint {
  const out = emptyPoint()
  out.attributes = canonicalPairs(json.attributes)
  out.startMs = millis(json.startTimeUnixNano)
  out.timeMs = millis(json.timeUnixNano)
  out.stale = (integer(json.flags) & 1) === 1
  if (json.asDouble !== undefined && json.asDouble !== null) out.value = double(json.asDouble)
  if (json.asInt !== undefined && json.asInt !== null) out.value = integer(json.asInt)
  out.count = integer(json.count)
  out.sum = json.sum === undefined || json.sum === null ? null : double(json.sum)
  out.bounds = asList(json.explicitBounds).map(double)
  out.bucketCounts = asList(json.bucketCounts).map(integer)
  out.scale = integer(json.scale)
  out.zeroCount = integer(json.zeroCount)
  out.zeroThreshold = double(json.zeroThreshold ?? 0)
  out.positive = readBuckets(asObject(json.positive))
  out.negative = readBuckets(asObject(json.negative))
  out.quantiles = asList(json.quantileValues).map((one) => ({
    quantile: double(asObject(one).quantile ?? 0),
    value: double(asObject(one).value ?? 0),
  }))
  out.exemplars = asList(json.exemplars).map((one) => readExemplar(asObject(one)))
  return out
}

function readBuckets(json: Json): OtlpBuckets {
  return { offset: integer(json.offset), counts: asList(json.bucketCounts).map(integer) }
}

function readExemplar(json: Json): OtlpExemplar {
  return {
    attributes: canonicalPairs(json.filteredAttributes),
    timeMs: millis(json.timeUnixNano),
    value: json.asDouble !== undefined && json.asDouble !== null ? double(json.asDouble) : integer(json.asInt),
    traceId: readId(json.traceId, 16).hex ?? '',
    spanId: readId(json.spanId, 8).hex ?? '',
  }
}

function integer(value: unknown): number {
  return Number(asInt64(value) ?? 0n)
}

function double(value: unknown): number {
  if (typeof value === 'number') return value
  if (value === 'Infinity') return Number.POSITIVE_INFINITY
  if (value === '-Infinity') return Number.NEGATIVE_INFINITY
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN
}

function millis(value: unknown): number {
  const wide = asInt64(value)
  return wide === null || wide <= 0n ? 0 : Number(wide / 1_000_000n)
}
