import { buildStructure, type StructureSpan, type TraceStructure } from '../../../core/model/trace-structure.ts'

/** A span of a test: id and parent are short numbers, times are µs after the start of the trace. */
export interface TestSpan extends Partial<Omit<StructureSpan, 'spanId' | 'parentId'>> {
  id: number
  parent?: number
  start: number
  dur: number
}

const BASE = 1_700_000_000_000_000

/** The structure that the core would send of these spans, in the order given. */
export function makeTrace(spans: readonly TestSpan[]): TraceStructure {
  const hex = (id: number): string => id.toString(16).padStart(16, '0')
  const rows: StructureSpan[] = spans.map(({ id, parent, start, ...rest }) => ({
    name: `op ${id}`,
    service: 'cart',
    resource: 0,
    kind: 1,
    status: 0,
    marks: 0,
    type: 'other',
    peer: '',
    links: 0,
    events: [],
    startNs: 0,
    durNs: 0,
    ...rest,
    spanId: hex(id),
    parentId: parent === undefined ? null : hex(parent),
    start: BASE + start,
  }))
  const end = Math.max(0, ...spans.map((span) => span.start + span.dur))
  return buildStructure(
    {
      traceId: 'ab'.repeat(16),
      service: 'cart',
      name: rows[0]?.name ?? '',
      kind: 'SERVER',
      start: BASE,
      dur: end,
      status: 'UNSET',
      spanCount: rows.length,
      errorCount: 0,
      services: ['cart'],
      rootMissing: false,
      http: null,
      mostTime: null,
      sampleRate: 1,
    },
    rows,
    [],
  )
}
