import type { Filter, SpanChain } from '../../model/filter.ts'
import type { AnyValue } from '../../model/records.ts'
import { linkRows, StructureMatcher } from '../../query/structure-match.ts'
import { type Again, type AgainRow, againColumns, filterSql, matchAgain, plainToAny, Values } from './filter-sql.ts'
import { type AsOf, hexId, idBytes, type Session, seenBy } from './session.ts'
import { type Extent, inPartsOf } from './trace-places.ts'

/** Traces whose spans are read in one statement. */
const TRACES_AT_ONCE = 2000

type Row = AgainRow & { trace_id: string; span_id: string; parent_id: string | null } & Record<
    `m${number}`,
    boolean | null
  >

/** Those of the traces on which the chains hold, as `core/query/structure-match.ts` says. */
export async function* structuredPortions(
  session: Session,
  traces: Extent[],
  chains: readonly SpanChain[],
  asOf: AsOf,
): AsyncGenerator<Extent[]> {
  await session.load()
  for (let at = 0; at < traces.length; at += TRACES_AT_ONCE)
    yield await structured(session, traces.slice(at, at + TRACES_AT_ONCE), chains, asOf)
}

async function structured(
  session: Session,
  traces: Extent[],
  chains: readonly SpanChain[],
  asOf: AsOf,
): Promise<Extent[]> {
  const { resources } = session.entries
  const sets = chains.flatMap((chain) => chain.sets)
  const numbered = chains.flatMap(({ aggregates }) => aggregates.map(({ key }) => key))
  const values = new Values()
  const ids = values.add(traces.map(({ id }) => idBytes(id)))
  const parts = sets.map((set) => filterSql('traces', set, values, resources))
  const keys = [...new Set([...parts.flatMap((part) => part.keys), ...numbered])].filter(
    (key) => key !== '' && key !== 'dur',
  )
  const again: Again = { again: parts.flatMap((part) => part.again), keys }
  // Also where nothing is matched again, numbers are read from these columns.
  const columns = againColumns(
    'traces',
    again.again.length > 0 || keys.length === 0 ? again : { ...again, again: [ANY] },
    values,
  )
  const masks = parts.map(
    ({ conditions }, s) => `, (${conditions.length > 0 ? conditions.join(' AND ') : 'true'}) AS m${s}`,
  )
  const rows = await session.rows<Row>(
    `SELECT trace_id, span_id, parent_id, dur${columns.replace(', dur', '')}${masks.join('')} FROM ${session.schema}._traces
     WHERE ${await inPartsOf(session, traces)} AND trace_id = ANY(${ids}::bytea[]) AND ${seenBy(asOf)}`,
    values.list,
  )
  const numberOf = new Map(traces.map(({ id }, i) => [id, i]))
  const trace = Int32Array.from(rows, (row) => numberOf.get(hexId(row.trace_id)) ?? -1)
  const matcher = new StructureMatcher(chains, traces.length)
  matcher.add({
    n: rows.length,
    trace,
    ...linkRows(trace, wordsOf(rows.map((row) => row.span_id)), wordsOf(rows.map((row) => row.parent_id))),
    mask(set: Filter): Uint8Array {
      const s = sets.indexOf(set)
      const held = rows.filter((row) => row[`m${s}`] === true)
      const matched = new Set(matchAgain('traces', { ...again, again: parts[s].again }, held, resources))
      return Uint8Array.from(rows, (row) => (matched.has(row) ? 1 : 0))
    },
    numbers(key: string): Float64Array {
      if (key === 'dur') return Float64Array.from(rows, (row) => Number(row.dur))
      return Float64Array.from(rows, (row) => attributeNumber(row, key, keys.indexOf(key)))
    },
  })
  return traces.filter((_, i) => matcher.holds(i))
}

const ANY = { type: 'text', value: '', negated: false } as const

/** Two words an id; no id is 0 0. */
function wordsOf(ids: (string | null)[]): Uint32Array {
  const words = new Uint32Array(ids.length * 2)
  ids.forEach((id, i) => {
    if (id === null) return
    words[i * 2] = Number.parseInt(id.slice(2, 10), 16)
    words[i * 2 + 1] = Number.parseInt(id.slice(10, 18), 16)
  })
  return words
}

function attributeNumber(row: Row, key: string, at: number): number {
  const json = row[`a${at}`]
  if (json === null || json === undefined) return Number.NaN
  const exact = row.typed ? (JSON.parse(row.typed) as Record<string, AnyValue>)[key] : undefined
  const value = exact ?? plainToAny(JSON.parse(json))
  if ('intValue' in value) return Number(value.intValue)
  if ('doubleValue' in value) return Number(value.doubleValue)
  const text = 'stringValue' in value ? String(value.stringValue) : ''
  return text.trim() === '' ? Number.NaN : Number(text)
}
