import type Database from 'better-sqlite3'
import { type BlockName, DamagedBlock, readGroupBytes, readingBlock } from './blocks/damaged-block.ts'
import { Group } from './blocks/sections.ts'
import { BlockCache } from './read/block-cache.ts'

const GROUPS = { span: ['span_core', 'span_attr', 'span_rest'], log: ['log_core', 'log_attr', 'log_body'] } as const

/** Why a block cannot be trusted, or null when every checksum of its groups holds. Its statistics are the cache's to check. */
function damageOf(db: Database.Database, block: BlockName): string | null {
  try {
    for (const table of GROUPS[block.signal]) {
      const bytes = readGroupBytes(db.prepare(`SELECT data FROM ${table} WHERE id = ?`).pluck(), block)
      new Group(bytes, block).check()
    }
    return null
  } catch (error) {
    if (error instanceof DamagedBlock) return error.why
    throw error
  }
}

/** Reads every block of the file but those set aside already; answers how many there are and what is wrong with which. */
export function checkBlocks(db: Database.Database): { blocks: number; damaged: DamagedBlock[] } {
  const damaged: DamagedBlock[] = []
  const cache = new BlockCache(db, (found) => damaged.push(found))
  let blocks = 0
  for (const [signal, metas] of [
    ['span', cache.spanMetas()],
    ['log', cache.logMetas()],
  ] as const) {
    blocks += metas.length
    for (const { id } of metas) {
      const why = damageOf(db, { signal, id })
      if (why !== null) damaged.push(new DamagedBlock({ signal, id }, why))
    }
  }
  return { blocks: blocks + damaged.length, damaged }
}

/**
 * Marks a block as damaged, so that no query, merge or later start opens it; retention removes it in its time. What a
 * reader met may have passed (a bad read): the mark is made only of what is wrong now.
 * @returns why, or null when the block is whole or gone
 */
export function setBlockAside(db: Database.Database, block: BlockName, nowUs: number): string | null {
  const { signal, id } = block
  const found: DamagedBlock[] = []
  const cache = new BlockCache(db, (damage) => found.push(damage))
  const metas = signal === 'span' ? cache.spanMetas() : cache.logMetas()
  const meta = metas.find((one) => one.id === id)
  const why = meta ? damageOf(db, block) : (found.find((damage) => damage.block.id === id)?.why ?? null)
  if (why === null) return null
  const rows =
    meta?.rows ?? readingBlock(block, () => db.prepare(`SELECT rows FROM ${signal}_block WHERE id = ?`).pluck().get(id))
  const times = !meta ? [null, null] : 'minStart' in meta ? [meta.minStart, meta.maxEnd] : [meta.minTime, meta.maxTime]
  db.prepare('INSERT OR IGNORE INTO damaged_block VALUES (?,?,?,?,?,?,?)').run(
    ...[signal, id, rows ?? 0, ...times, nowUs, why],
  )
  return why
}
