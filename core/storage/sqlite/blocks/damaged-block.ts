import type Database from 'better-sqlite3'
import { GlassboxError } from '../../../base/errors.ts'
import { troubleOf } from '../storage-trouble.ts'

export interface BlockName {
  signal: 'span' | 'log'
  id: number
}

/** A block that is not what was written. A query does without it and says so; what is left of it stays in the file. */
export class DamagedBlock extends GlassboxError {
  readonly block: BlockName
  readonly why: string

  constructor(block: BlockName, why: string) {
    super('data_damaged', `stored block ${block.id} of ${block.signal}s is damaged: ${why}`)
    this.block = block
    this.why = why
  }
}

/** A block known to be damaged, as `damaged_block` has it. */
export interface SetAside {
  id: number
  rows: number
  /** µs; null when what says so is damaged, too. */
  minTime: number | null
  maxTime: number | null
}

/**
 * Does `work`, which reads a block.
 * @throws DamagedBlock when SQLite finds the file damaged or cannot read it there
 */
export function readingBlock<T>(block: BlockName, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const trouble = troubleOf(error)
    if (trouble === 'damaged' || trouble === 'io') throw new DamagedBlock(block, (error as Error).message)
    throw error
  }
}

/**
 * One group of sections of a block.
 * @throws DamagedBlock
 */
export function readGroupBytes(read: Database.Statement, block: BlockName): Uint8Array {
  const bytes = readingBlock(block, () => read.get(block.id) as Uint8Array | undefined)
  if (!(bytes instanceof Uint8Array)) throw new DamagedBlock(block, 'a part of it is missing')
  return bytes
}
