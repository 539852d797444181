import type { SelectionComparison, TraceSelection } from '../../model/answers.ts'
import { rangeOf, rangeText } from '../../model/number-range.ts'
import type { KeyValue } from '../../model/records.ts'
import { SPAN_KINDS } from '../../model/records.ts'
import { plainText } from '../../query/any-value.ts'
import { isSelected, SelectionCounts } from '../../query/selection-compare.ts'
import type { TraceQuery } from '../store.ts'
import { cellText, rowAttributes } from './attribute-value.ts'
import { wantedPortions } from './search-traces.ts'
import { hexId, idBytes, type Session, seenBy } from './session.ts'
import { type Extent, inPartsOf } from './trace-places.ts'

/** Traces of either side whose spans are looked at: a fair sample, as rows come one by one here. */
const MOST_TRACES = 3000
const TRACES_AT_ONCE = 500

interface SpanRow {
  trace_id: string
  resource: number
  name: string
  kind: number
  attributes: string
  typed: string | null
}

/** As the other engine's file of this name; larger selections and rests are compared by samples of them. */
export async function compareSelection(
  session: Session,
  query: TraceQuery,
  selection: TraceSelection,
): Promise<SelectionComparison> {
  const asOf = await session.asOf()
  const selected = new Sample()
  const rest = new Sample()
  for await (const portion of wantedPortions(session, query, asOf)) {
    for (const extent of portion) {
      const side = isSelected(selection, extent.start, extent.end - extent.start) ? selected : rest
      side.add(extent)
    }
  }
  await session.load()
  const counts = new SelectionCounts()
  const ofResource = new Map<number, [key: string, value: string][]>()
  for (const [side, isSelection] of [
    [selected, 1],
    [rest, 0],
  ] as const) {
    for (let at = 0; at < side.traces.length; at += TRACES_AT_ONCE) {
      const some = side.traces.slice(at, at + TRACES_AT_ONCE)
      const found = new Map(some.map(({ id, failed }) => [id, new Found(failed)]))
      const rows = session.stream<SpanRow>(
        `SELECT trace_id, resource, name, kind, attributes, typed FROM ${session.schema}._traces
         WHERE ${await inPartsOf(session, some)} AND trace_id = ANY($1::bytea[]) AND ${seenBy(asOf)}`,
        [some.map(({ id }) => idBytes(id))],
      )
      for await (const portion of rows) {
        for (const row of portion) {
          let shared = ofResource.get(row.resource)
          if (!shared) {
            shared = resourceValues(session, row.resource)
            ofResource.set(row.resource, shared)
          }
          const trace = found.get(hexId(row.trace_id))
          trace?.add('name', row.name)
          trace?.add('kind', SPAN_KINDS[row.kind])
          for (const [key, value] of shared) trace?.add(key, value)
          for (const { key, value } of rowAttributes(row.attributes, row.typed)) {
            trace?.add(key, cellText(value))
            const number =
              value && ('intValue' in value || 'doubleValue' in value) ? rangeOf(Number(cellText(value))) : null
            if (number) trace?.addRange(key, rangeText(number))
          }
        }
      }
      for (const trace of found.values()) trace.count(counts, isSelection, 1 - isSelection)
    }
  }
  return counts.finish(
    { traces: selected.traces.length, of: selected.seen },
    { traces: rest.traces.length, of: rest.seen },
  )
}

function resourceValues({ entries }: Session, resource: number): [key: string, value: string][] {
  const entry = entries.resources.get(resource)
  if (!entry) return []
  const attributes = (JSON.parse(entry.attributes || '[]') as KeyValue[]).filter(({ key }) => key !== 'service.name')
  return [['service', entry.service], ...attributes.map(({ key, value }): [string, string] => [key, plainText(value)])]
}

/** The distinct values of one trace. */
class Found {
  readonly #values = new Map<string, Set<string>>()
  readonly #ranges = new Map<string, Set<string>>()

  constructor(failed: boolean) {
    this.add('status', failed ? 'error' : 'ok')
  }

  add(key: string, value: string): void {
    const known = this.#values.get(key)
    if (known) known.add(value)
    else this.#values.set(key, new Set([value]))
  }

  addRange(key: string, range: string): void {
    const known = this.#ranges.get(key)
    if (known) known.add(range)
    else this.#ranges.set(key, new Set([range]))
  }

  count(counts: SelectionCounts, selection: number, rest: number): void {
    for (const [key, values] of this.#values) {
      counts.present(key, selection, rest)
      for (const value of values) counts.add(key, value, selection, rest)
    }
    for (const [key, ranges] of this.#ranges) for (const range of ranges) counts.addRange(key, range, selection, rest)
  }
}

/** So many of all traces that are added, each as likely as any other; the same ones for the same input. */
class Sample {
  readonly traces: Extent[] = []
  seen = 0
  #state = 0x9e3779b9

  add(trace: Extent): void {
    this.seen++
    if (this.traces.length < MOST_TRACES) {
      this.traces.push(trace)
      return
    }
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    const at = Math.floor((this.#state / 2 ** 32) * this.seen)
    if (at < MOST_TRACES) this.traces[at] = trace
  }
}
