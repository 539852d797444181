import { randomUUID } from 'node:crypto'
import type Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import type { PinnedTrace, SpanNote } from '../model/pins.ts'
import type { TraceSummary } from '../model/records.ts'

export const PIN_TABLES = `
  create table if not exists trace_pin (trace_id text primary key, pinned_at integer not null, summary text not null) strict;
  create table if not exists span_note (
    id text primary key, trace_id text not null, span_id text not null, text text not null,
    created_at integer not null, updated_at integer not null, deleted_at integer
  ) strict;
  create index if not exists span_note_trace on span_note (trace_id);
`

/** At most; and how long a removed note can be brought back, µs. */
const MOST_PINS = 1000
const MOST_NOTES = 20_000
const KEPT_US = 30 * 86_400e6

interface NoteRow {
  id: string
  trace_id: string
  span_id: string
  text: string
  created_at: number
  updated_at: number
  deleted_at: number | null
}

const noteOf = (row: NoteRow): SpanNote => ({
  id: row.id,
  traceId: row.trace_id,
  spanId: row.span_id,
  text: row.text,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
})

function noteRow(db: Database.Database, traceId: string, id: string, removed = false): NoteRow {
  const row = db.prepare('select * from span_note where id = ? and trace_id = ?').get(id, traceId) as
    | NoteRow
    | undefined
  if (!row || (row.deleted_at !== null) !== removed)
    throw new GlassboxError('note_not_found', `There is no note ${id} on trace ${traceId}.`)
  return row
}

/** The reads and writes of pins and notes, each one transaction. Called in the thread that writes glassbox.db. */
export const pinMethods = {
  listPins: (db: Database.Database): PinnedTrace[] =>
    (
      db
        .prepare(
          `select p.*, (select count(*) from span_note n where n.trace_id = p.trace_id and n.deleted_at is null) as notes
           from trace_pin p order by p.pinned_at desc, p.trace_id`,
        )
        .all() as { pinned_at: number; summary: string; notes: number }[]
    ).map(({ pinned_at: pinnedAt, summary, notes }) => ({
      pinnedAt,
      notes,
      summary: JSON.parse(summary) as TraceSummary,
    })),

  /** A trace that is pinned already stays so, with what is known of it now. */
  pinTrace: (db: Database.Database, { summary, nowUs }: { summary: TraceSummary; nowUs: number }): null => {
    const { n } = db.prepare('select count(*) as n from trace_pin where trace_id <> ?').get(summary.traceId) as {
      n: number
    }
    if (n >= MOST_PINS)
      throw new GlassboxError('bad_request', `There are ${n} pinned traces already.`, 'Unpin those no longer needed.')
    db.prepare(
      'insert into trace_pin values (?, ?, ?) on conflict (trace_id) do update set summary = excluded.summary',
    ).run(summary.traceId, nowUs, JSON.stringify(summary))
    return null
  },

  unpinTrace: (db: Database.Database, { traceId }: { traceId: string }): null => {
    db.prepare('delete from trace_pin where trace_id = ?').run(traceId)
    return null
  },

  listNotes: (db: Database.Database, { traceId }: { traceId: string }): SpanNote[] =>
    (
      db
        .prepare('select * from span_note where trace_id = ? and deleted_at is null order by created_at, id')
        .all(traceId) as NoteRow[]
    ).map(noteOf),

  addNote: (
    db: Database.Database,
    { traceId, spanId, text, nowUs }: { traceId: string; spanId: string; text: string; nowUs: number },
  ): SpanNote => {
    const { n } = db.prepare('select count(*) as n from span_note where deleted_at is null').get() as { n: number }
    if (n >= MOST_NOTES)
      throw new GlassboxError('bad_request', `There are ${n} notes already.`, 'Delete those no longer needed.')
    const id = randomUUID()
    db.prepare('insert into span_note values (?, ?, ?, ?, ?, ?, null)').run(id, traceId, spanId, text, nowUs, nowUs)
    return noteOf(noteRow(db, traceId, id))
  },

  changeNote: (
    db: Database.Database,
    { traceId, id, text, nowUs }: { traceId: string; id: string; text: string; nowUs: number },
  ): SpanNote => {
    noteRow(db, traceId, id)
    db.prepare('update span_note set text = ?, updated_at = ? where id = ?').run(text, nowUs, id)
    return noteOf(noteRow(db, traceId, id))
  },

  /** The note can be brought back for 30 days. */
  removeNote: (
    db: Database.Database,
    { traceId, id, nowUs }: { traceId: string; id: string; nowUs: number },
  ): { id: string } => {
    noteRow(db, traceId, id)
    db.prepare('update span_note set deleted_at = ? where id = ?').run(nowUs, id)
    db.prepare('delete from span_note where deleted_at < ?').run(nowUs - KEPT_US)
    return { id }
  },

  restoreNote: (db: Database.Database, { traceId, id }: { traceId: string; id: string }): SpanNote => {
    noteRow(db, traceId, id, true)
    db.prepare('update span_note set deleted_at = null where id = ?').run(id)
    return noteOf(noteRow(db, traceId, id))
  },
}

export type PinMethod = keyof typeof pinMethods
