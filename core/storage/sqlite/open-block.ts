import type Database from 'better-sqlite3'
import { type BlockName, readGroupBytes } from './blocks/damaged-block.ts'
import { LogBlock } from './blocks/log-block.ts'
import { SpanBlock } from './blocks/span-block.ts'

function reader(db: Database.Database, table: string, block: BlockName): () => Uint8Array {
  return () => readGroupBytes(db.prepare(`SELECT data FROM ${table} WHERE id = ?`).pluck(), block)
}

/**
 * A block outside of any cache.
 * @throws DamagedBlock
 */
export function openSpanBlock(db: Database.Database, id: number): SpanBlock {
  const name: BlockName = { signal: 'span', id }
  return new SpanBlock(
    name,
    reader(db, 'span_core', name)(),
    reader(db, 'span_attr', name),
    reader(db, 'span_rest', name),
  )
}

/**
 * A block outside of any cache.
 * @throws DamagedBlock
 */
export function openLogBlock(db: Database.Database, id: number): LogBlock {
  const name: BlockName = { signal: 'log', id }
  return new LogBlock(name, reader(db, 'log_core', name)(), reader(db, 'log_attr', name), reader(db, 'log_body', name))
}
