import { randomUUID } from 'node:crypto'
import type Database from 'better-sqlite3'
import { GlassboxError } from '../base/errors.ts'
import type { Board, BoardContent, BoardInfo } from '../model/board.ts'

export const BOARD_TABLE = `
  create table if not exists board (
    id text primary key, title text not null, version integer not null, panels integer not null, content text not null,
    created_at integer not null, updated_at integer not null, deleted_at integer
  ) strict;
`

/** Boards at most; and how long a removed one can be brought back, µs. */
const MOST_BOARDS = 1000
const KEPT_US = 30 * 86_400e6

interface Row {
  id: string
  version: number
  created_at: number
  updated_at: number
  deleted_at: number | null
  content: string
}

const missing = (id: string): GlassboxError => new GlassboxError('board_not_found', `There is no board ${id}.`)

function boardOf({ id, version, created_at: createdAt, updated_at: updatedAt, content }: Row): Board {
  return { id, version, createdAt, updatedAt, content: JSON.parse(content) as BoardContent }
}

function rowOf(db: Database.Database, id: string, removed = false): Row {
  const row = db.prepare('select * from board where id = ?').get(id) as Row | undefined
  if (!row || (row.deleted_at !== null) !== removed) throw missing(id)
  return row
}

/** @throws GlassboxError `board_conflict` */
function checkVersion(row: Row, version: number): void {
  if (row.version === version) return
  throw new GlassboxError(
    'board_conflict',
    `The board is at version ${row.version}, the change was made to version ${version}.`,
  )
}

/** The reads and writes of boards, each one transaction. Called in the thread that writes glassbox.db. */
export const boardMethods = {
  listBoards: (db: Database.Database): BoardInfo[] =>
    db
      .prepare(
        'select id, title, version, panels, updated_at as updatedAt from board where deleted_at is null order by title collate nocase, id',
      )
      .all() as BoardInfo[],

  getBoard: (db: Database.Database, { id }: { id: string }): Board => boardOf(rowOf(db, id)),

  createBoard: (db: Database.Database, { content, nowUs }: { content: BoardContent; nowUs: number }): Board => {
    const { n } = db.prepare('select count(*) as n from board where deleted_at is null').get() as { n: number }
    if (n >= MOST_BOARDS)
      throw new GlassboxError(
        'bad_request',
        `There are ${n} boards already.`,
        'Delete boards that are no longer needed.',
      )
    const id = randomUUID()
    db.prepare('insert into board values (?, ?, 1, ?, ?, ?, ?, null)').run(
      id,
      content.title,
      content.panels.length,
      JSON.stringify(content),
      nowUs,
      nowUs,
    )
    return { id, version: 1, createdAt: nowUs, updatedAt: nowUs, content }
  },

  replaceBoard: (
    db: Database.Database,
    { id, version, content, nowUs }: { id: string; version: number; content: BoardContent; nowUs: number },
  ): Board => {
    const row = rowOf(db, id)
    checkVersion(row, version)
    db.prepare('update board set title = ?, version = ?, panels = ?, content = ?, updated_at = ? where id = ?').run(
      content.title,
      version + 1,
      content.panels.length,
      JSON.stringify(content),
      nowUs,
      id,
    )
    return { id, version: version + 1, createdAt: row.created_at, updatedAt: nowUs, content }
  },

  /** The board can be brought back for 30 days. */
  removeBoard: (
    db: Database.Database,
    { id, version, nowUs }: { id: string; version: number | null; nowUs: number },
  ): { id: string } => {
    const row = rowOf(db, id)
    if (version !== null) checkVersion(row, version)
    db.prepare('update board set deleted_at = ? where id = ?').run(nowUs, id)
    db.prepare('delete from board where deleted_at < ?').run(nowUs - KEPT_US)
    return { id }
  },

  restoreBoard: (db: Database.Database, { id }: { id: string }): Board => {
    const row = rowOf(db, id, true)
    db.prepare('update board set deleted_at = null where id = ?').run(id)
    return boardOf(row)
  },
}

export type BoardMethod = keyof typeof boardMethods
