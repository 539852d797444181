import type { KeyValue } from '../model/records.ts'
import { SPAN_KINDS } from '../model/records.ts'
import type {
  RunChange,
  RunComparison,
  RunDatabaseCalls,
  RunError,
  RunFigures,
  RunOperation,
  ServiceRun,
  ServiceRuns,
} from '../model/runs.ts'
import { plainText } from './any-value.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { patternOf } from './log-pattern.ts'
import { linkRows } from './structure-match.ts'

/** Runs that a list holds. */
const MOST_RUNS = 200
/** Operations, errors and statements that an answer holds. */
const MOST_ROWS = 500
/** Under so many spans on a side nothing is said of its durations. */
const FEW = 10
/** Steps from a database call up to its request. */
const MOST_STEPS = 64
/** A span is a call of a database when it has one of these. */
export const DATABASE_KEYS = ['db.system.name', 'db.system'] as const
/** What names an error, the best first. */
export const ERROR_KEYS = ['error.type', 'exception.type'] as const

export type RunName = Pick<ServiceRun, 'id' | 'instance' | 'version' | 'host'>

/** Which run a resource belongs to: its instance, else its process, else its version; the last resort is one run for all. */
export function runOf(attributes: string): RunName {
  const values = new Map(
    (JSON.parse(attributes || '[]') as KeyValue[]).map(({ key, value }) => [key, plainText(value)]),
  )
  const text = (key: string): string | null => values.get(key) || null
  const [host, pid, version] = [text('host.name'), text('process.pid'), text('service.version')]
  const instance = text('service.instance.id') ?? (pid === null ? null : `${host ?? ''}/${pid}`)
  const id = instance !== null ? `instance ${instance}` : version !== null ? `version ${version}` : 'all'
  return { id, instance, version, host }
}

/** Whether others enter a service by a span of this kind. */
export function isRequest(kind: number, isRoot: boolean): boolean {
  return isRoot || SPAN_KINDS[kind] === 'SERVER' || SPAN_KINDS[kind] === 'CONSUMER'
}

/** Gathers the runs of a service from its spans. */
export class RunList {
  #runs = new Map<string, ServiceRun & { latency: LatencyHistogram }>()

  #run(name: RunName) {
    let run = this.#runs.get(name.id)
    if (!run) {
      const none = { spans: 0, requests: 0, errors: 0, p50: null, p95: null }
      run = { ...name, first: Number.POSITIVE_INFINITY, last: 0, ...none, latency: new LatencyHistogram() }
      this.#runs.set(name.id, run)
    }
    return run
  }

  spans(name: RunName, spans: number, first: number, last: number): void {
    const run = this.#run(name)
    run.spans += spans
    run.first = Math.min(run.first, first)
    run.last = Math.max(run.last, last)
    run.version ??= name.version
  }

  requests(name: RunName, requests: number, errors: number, dur: number): void {
    const run = this.#run(name)
    run.requests += requests
    run.errors += errors
    run.latency.add(dur, requests)
  }

  finish(): ServiceRuns {
    const all = [...this.#runs.values()].sort((a, b) => b.first - a.first || (a.id < b.id ? -1 : 1))
    const items = all.slice(0, MOST_RUNS).map(({ latency, ...run }) => ({
      ...run,
      p50: latency.quantile(0.5),
      p95: latency.quantile(0.95),
    }))
    return { items, others: all.length - items.length }
  }
}

/** One span of one of the two runs. */
export interface RunSpan {
  after: boolean
  /** A number for its trace. */
  trace: number
  spanId: [number, number]
  /** 0 0 = a root. */
  parentId: [number, number]
  name: string
  kind: number
  failed: boolean
  /** µs */
  dur: number
  database: boolean
  /** What went wrong, where it failed. */
  error: string
}

/** What a failed span says went wrong: the value of an ERROR_KEYS attribute, its exception's type, or its message. */
export function errorText(attribute: string, events: string, message: string): string {
  if (attribute !== '') return attribute
  if (events.includes('exception.type')) {
    for (const event of JSON.parse(events) as { attributes?: KeyValue[] }[]) {
      const type = event.attributes?.find(({ key }) => key === 'exception.type')
      if (type) return plainText(type.value)
    }
  }
  return message === '' ? '' : patternOf(message).slice(0, 200)
}

interface Side {
  durations: number[]
  errors: number
  databaseCalls: number
}

const emptySide = (): Side => ({ durations: [], errors: 0, databaseCalls: 0 })

/** Compares two runs of a service, span by span. */
export function compareRuns(
  ids: { before: string; after: string },
  spans: readonly RunSpan[],
  partial: RunComparison['partial'],
): RunComparison {
  const words = (pick: (span: RunSpan) => [number, number]): Uint32Array => {
    const out = new Uint32Array(spans.length * 2)
    spans.forEach((span, i) => {
      out.set(pick(span), i * 2)
    })
    return out
  }
  const trace = Int32Array.from(spans, (span) => span.trace)
  const parentIds = words((span) => span.parentId)
  const { parent } = linkRows(
    trace,
    words((span) => span.spanId),
    parentIds,
  )
  const requests = spans.map(({ kind }, i) => isRequest(kind, parentIds[i * 2] === 0 && parentIds[i * 2 + 1] === 0))
  const operations = new Map<string, { span: RunSpan; request: boolean; sides: [Side, Side] }>()
  const errors = new Map<string, RunError>()
  const calls = new Map<string, RunDatabaseCalls>()
  const totals = [
    { spans: 0, requests: 0 },
    { spans: 0, requests: 0 },
  ]
  const operationOf = (i: number) => {
    const span = spans[i]
    const key = `${span.kind}\n${requests[i] ? 1 : 0}\n${span.name}`
    let operation = operations.get(key)
    if (!operation) {
      operation = { span, request: requests[i], sides: [emptySide(), emptySide()] }
      operations.set(key, operation)
    }
    return operation
  }
  spans.forEach((span, i) => {
    const at = span.after ? 1 : 0
    totals[at].spans++
    if (requests[i]) totals[at].requests++
    const side = operationOf(i).sides[at]
    side.durations.push(span.dur)
    if (span.failed) {
      side.errors++
      count(errors, { operation: span.name, error: span.error, before: 0, after: 0 }, span.after)
    }
    if (!span.database) return
    let up = i
    for (let step = 0; step < MOST_STEPS && up !== -1 && !(requests[up] && up !== i); step++) up = parent[up]
    const found = up !== -1 && up !== i && requests[up]
    if (found) operationOf(up).sides[at].databaseCalls++
    count(calls, { request: found ? spans[up].name : '', statement: span.name, before: 0, after: 0 }, span.after)
  })
  const listed = [...operations.values()].map(({ span, request, sides: [before, after] }): RunOperation => {
    const [one, other] = [before, after].map((side) => Float64Array.from(side.durations).sort())
    const both = one.length > 0 && other.length > 0
    return {
      operation: span.name,
      kind: SPAN_KINDS[span.kind],
      request,
      before: figures(before, one),
      after: figures(after, other),
      p50: both ? change(0.5, one, other) : null,
      p95: both ? change(0.95, one, other) : null,
    }
  })
  const seen = ({ before, after }: RunOperation): number => (before?.count ?? 0) + (after?.count ?? 0)
  listed.sort(
    (a, b) => Number(b.request) - Number(a.request) || seen(b) - seen(a) || (a.operation < b.operation ? -1 : 1),
  )
  return {
    before: { id: ids.before, ...totals[0] },
    after: { id: ids.after, ...totals[1] },
    operations: listed.slice(0, MOST_ROWS),
    errors: mostFirst([...errors.values()], ({ operation, error }) => `${operation}\n${error}`),
    databaseCalls: mostFirst([...calls.values()], ({ request, statement }) => `${request}\n${statement}`),
    partial,
  }
}

function count<T extends { before: number; after: number }>(counts: Map<string, T>, one: T, after: boolean): void {
  const key = JSON.stringify(one)
  const known = counts.get(key) ?? { ...one }
  counts.set(key, known)
  if (after) known.after++
  else known.before++
}

/** Those that only the run after has come first, then the most frequent. */
function mostFirst<T extends { before: number; after: number }>(items: T[], name: (item: T) => string): T[] {
  const rank = ({ before }: T): number => (before === 0 ? 0 : 1)
  return items
    .sort((a, b) => rank(a) - rank(b) || b.after - a.after || b.before - a.before || (name(a) < name(b) ? -1 : 1))
    .slice(0, MOST_ROWS)
}

function figures({ errors, databaseCalls }: Side, sorted: Float64Array): RunFigures | null {
  if (sorted.length === 0) return null
  return { count: sorted.length, errors, p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), databaseCalls }
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]
}

/** A quantile has changed when the ranges that hold it with 95 % certainty (by its rank) lie apart. */
function change(share: number, before: Float64Array, after: Float64Array): RunChange {
  if (before.length < FEW || after.length < FEW) return 'few'
  const range = (sorted: Float64Array): [low: number, high: number] => {
    const n = sorted.length
    const spread = 1.96 * Math.sqrt(n * share * (1 - share))
    const at = (rank: number): number => sorted[Math.min(n - 1, Math.max(0, rank))]
    return [at(Math.floor(n * share - spread) - 1), at(Math.ceil(n * share + spread))]
  }
  const [lowBefore, highBefore] = range(before)
  const [lowAfter, highAfter] = range(after)
  if (lowAfter > highBefore) return 'slower'
  return highAfter < lowBefore ? 'faster' : 'same'
}
