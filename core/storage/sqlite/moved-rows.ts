import type Database from 'better-sqlite3'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import { selectRows } from '../../model/select-rows.ts'
import { advance, type MovePlace } from '../move-place.ts'
import type { BlockWriter } from './block-writer.ts'
import { encodeLogBlocks } from './blocks/encode-log-block.ts'
import { encodeSpanBlocks } from './blocks/encode-span-block.ts'
import { openLogBlock, openSpanBlock } from './open-block.ts'
import { deleteBlock } from './remove-blocks.ts'

const keyOf = (move: string): string => `move:${move}`

export function readMove(db: Database.Database, move: string): MovePlace | null {
  const text = db.prepare('SELECT value FROM meta WHERE key = ?').pluck().get(keyOf(move)) as string | undefined
  return text === undefined ? null : (JSON.parse(text) as MovePlace)
}

/** Notes how far a move got; inside the transaction that stores its rows. */
export function noteMove(db: Database.Database, move: string, cursor: string, seq: number): void {
  const place = advance(readMove(db, move), cursor, seq)
  db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run(keyOf(move), JSON.stringify(place))
}

export function forgetMove(db: Database.Database, move: string): void {
  db.prepare('DELETE FROM meta WHERE key = ?').run(keyOf(move))
}

interface Place {
  id: number
  firstSeq: number
  lastSeq: number
  minReceived: number
  maxReceived: number
}

/** Removes the rows that a move brought, a transaction a block: those that were merged with others are written anew without. */
export function undoMove(db: Database.Database, writer: BlockWriter, move: string): { spans: number; logs: number } {
  const removed = { spans: 0, logs: 0 }
  for (const [first, last] of readMove(db, move)?.writes ?? []) {
    for (const signal of ['span', 'log'] as const) {
      const blocks = db
        .prepare(
          `SELECT id, first_seq AS firstSeq, last_seq AS lastSeq, min_received AS minReceived, max_received AS maxReceived
           FROM ${signal}_block WHERE last_seq >= ? AND first_seq <= ?`,
        )
        .all(first, last) as Place[]
      for (const block of blocks) {
        const gone =
          signal === 'span' ? takeSpans(db, writer, block, first, last) : takeLogs(db, writer, block, first, last)
        removed[signal === 'span' ? 'spans' : 'logs'] += gone
      }
    }
  }
  forgetMove(db, move)
  return removed
}

/** 1 for rows of other writes. */
function others(seqs: Uint32Array, first: number, last: number): Uint8Array {
  return Uint8Array.from(seqs, (seq) => (seq < first || seq > last ? 1 : 0))
}

function takeSpans(db: Database.Database, writer: BlockWriter, block: Place, first: number, last: number): number {
  const { batch, seqs } = openSpanBlock(db, block.id).toBatch()
  const keep = others(seqs, first, last)
  const kept: SpanBatch = { ...selectRows(batch, keep), receivedUs: block.maxReceived }
  const seq = seqs.filter((_, row) => keep[row] === 1)
  const blocks = kept.n === 0 ? [] : encodeSpanBlocks([{ batch: kept, seq, minReceived: block.minReceived }])
  db.transaction(() => {
    deleteBlock(db, 'span', block.id)
    for (const one of blocks) writer.insertSpans(one, 1)
  }).immediate()
  return batch.n - kept.n
}

function takeLogs(db: Database.Database, writer: BlockWriter, block: Place, first: number, last: number): number {
  const { batch, seqs } = openLogBlock(db, block.id).toBatch()
  const keep = others(seqs, first, last)
  const kept: LogBatch = { ...selectRows(batch, keep), receivedUs: block.maxReceived }
  const seq = seqs.filter((_, row) => keep[row] === 1)
  const blocks = kept.n === 0 ? [] : encodeLogBlocks([{ batch: kept, seq, minReceived: block.minReceived }])
  db.transaction(() => {
    deleteBlock(db, 'log', block.id)
    for (const one of blocks) writer.insertLogs(one, 1)
  }).immediate()
  return batch.n - kept.n
}
