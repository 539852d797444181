import { GlassboxError } from '../../base/errors.ts'
import { AttrType } from '../../model/columns.ts'
import type { AnyValue, LogRecord } from '../../model/records.ts'
import { resourceRecord, scopeRecord } from '../sqlite/read/shared-records.ts'
import { rowAttributes } from './attribute-value.ts'
import { hexId, idBytes, type Session } from './session.ts'

/** Newest first; the order of every list of log records. */
export const NEWEST_LOG = 'time DESC, time_ns DESC, seq DESC, ordinal DESC'

export interface LogRow {
  time: number
  time_ns: number
  time_source: number
  severity: number
  severity_text: string | null
  body: string
  body_type: number
  event_name: string | null
  trace_id: string | null
  span_id: string | null
  resource: number
  scope: number
  attributes: string
  typed: string | null
  flags: number | null
  dropped_attributes: number | null
  seq: number
  ordinal: number
}

const SOURCES = ['time', 'observed', 'received'] as const

/** `session.entries` must be loaded. */
export function logRecord(session: Session, row: LogRow): LogRecord {
  const resource = session.entries.resources.get(row.resource)
  const scope = session.entries.scopes.get(row.scope)
  if (!resource || !scope) throw new GlassboxError('data_damaged', 'resource or scope of a log record is missing')
  return {
    id: `${row.time.toString(36)}-${row.seq.toString(36)}-${row.ordinal.toString(36)}`,
    time: row.time,
    timeNs: row.time_ns,
    timeSource: SOURCES[row.time_source] ?? 'time',
    severity: row.severity,
    severityText: row.severity_text ?? '',
    service: resource.service,
    body: row.body,
    bodyValue: row.body_type === AttrType.json ? (JSON.parse(row.body) as AnyValue) : null,
    eventName: row.event_name ?? '',
    traceId: row.trace_id === null ? null : hexId(row.trace_id),
    spanId: row.span_id === null ? null : hexId(row.span_id),
    attributes: rowAttributes(row.attributes, row.typed),
    resource: resourceRecord(resource),
    scope: scopeRecord(scope),
    flags: row.flags ?? 0,
    droppedAttributesCount: row.dropped_attributes ?? 0,
  }
}

/** All log records of one trace, oldest first. `session.entries` must be loaded. */
export async function logsOfTrace(session: Session, traceId: string): Promise<LogRecord[]> {
  const rows = await session.rows<LogRow>(
    `SELECT * FROM ${session.schema}._logs WHERE trace_id = $1::bytea ORDER BY time, time_ns, seq, ordinal`,
    [idBytes(traceId)],
  )
  return rows.map((row) => logRecord(session, row))
}
