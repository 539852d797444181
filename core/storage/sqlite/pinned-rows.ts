import type Database from 'better-sqlite3'
import { selectRows } from '../../model/select-rows.ts'
import type { BlockWriter } from './block-writer.ts'
import { bloomHas, traceHash } from './blocks/bloom.ts'
import { DamagedBlock } from './blocks/damaged-block.ts'
import { encodeLogBlocks } from './blocks/encode-log-block.ts'
import { encodeSpanBlocks } from './blocks/encode-span-block.ts'
import { decodeStats } from './blocks/stats.ts'
import { openLogBlock, openSpanBlock } from './open-block.ts'

/** What of a block is to stay: nothing, all of it, or the rows that `store` writes into a block of their own. */
export type Kept = 'nothing' | 'all' | { rows: number; store: () => void }

/** Rows of pinned traces, which retention carries over into what stays. */
export class PinnedRows {
  readonly #db: Database.Database
  readonly #ids: Uint8Array[]
  readonly #set: ReadonlySet<string>

  /** @param traceIds 32 hex digits each */
  constructor(db: Database.Database, traceIds: readonly string[]) {
    this.#db = db
    this.#ids = traceIds.map((id) => new Uint8Array(Buffer.from(id, 'hex')))
    this.#set = new Set(traceIds.map((id) => Buffer.from(id, 'hex').toString('latin1')))
  }

  /** Whether a block may hold rows of a pinned trace; never false for one that does. */
  mayBeIn(signal: 'span' | 'log', id: number): boolean {
    if (this.#ids.length === 0) return false
    const stats = this.#db.prepare(`SELECT stats FROM ${signal}_block WHERE id = ?`).pluck().get(id)
    if (!stats) return false
    let bloom: Uint8Array
    try {
      bloom = decodeStats(stats as Uint8Array, null).traceBloom
    } catch {
      // Nothing can be read of a block whose statistics are damaged.
      return false
    }
    return this.#ids.some((one) => {
      const { hi, lo } = traceHash(one, 0)
      return bloomHas(bloom, hi, lo)
    })
  }

  /** Looks at the rows of a block. Nothing can be kept of a damaged one. */
  of(signal: 'span' | 'log', id: number, writer: BlockWriter): Kept {
    if (!this.mayBeIn(signal, id)) return 'nothing'
    try {
      return signal === 'span' ? this.#ofSpans(id, writer) : this.#ofLogs(id, writer)
    } catch (error) {
      if (error instanceof DamagedBlock) return 'nothing'
      throw error
    }
  }

  #ofSpans(id: number, writer: BlockWriter): Kept {
    const { batch, seqs } = openSpanBlock(this.#db, id).toBatch()
    const keep = this.#rows(batch.traceId, batch.n)
    if (typeof keep === 'string') return keep
    const part = this.#part('span', id, seqs, keep)
    const blocks = encodeSpanBlocks([{ ...part, batch: { ...selectRows(batch, keep), receivedUs: part.receivedUs } }])
    return {
      rows: part.seq.length,
      store: () => {
        for (const block of blocks) writer.insertSpans(block, 1)
      },
    }
  }

  #ofLogs(id: number, writer: BlockWriter): Kept {
    const { batch, seqs } = openLogBlock(this.#db, id).toBatch()
    const keep = this.#rows(batch.traceId, batch.n)
    if (typeof keep === 'string') return keep
    const part = this.#part('log', id, seqs, keep)
    const blocks = encodeLogBlocks([{ ...part, batch: { ...selectRows(batch, keep), receivedUs: part.receivedUs } }])
    return {
      rows: part.seq.length,
      store: () => {
        for (const block of blocks) writer.insertLogs(block, 1)
      },
    }
  }

  /** They keep their numbers and their times of receipt, so that they go at once when the trace is unpinned. */
  #part(signal: 'span' | 'log', id: number, seqs: Uint32Array, keep: Uint8Array) {
    const { min_received: minReceived, max_received: receivedUs } = this.#db
      .prepare(`SELECT min_received, max_received FROM ${signal}_block WHERE id = ?`)
      .get(id) as { min_received: number; max_received: number }
    return { seq: seqs.filter((_, row) => keep[row] === 1), minReceived, receivedUs }
  }

  /** A byte a row, 1 = of a pinned trace. */
  #rows(traceIds: Uint8Array, n: number): 'nothing' | 'all' | Uint8Array {
    const bytes = Buffer.from(traceIds.buffer, traceIds.byteOffset, traceIds.byteLength)
    const keep = new Uint8Array(n)
    let count = 0
    for (let row = 0; row < n; row++) {
      if (!this.#set.has(bytes.toString('latin1', row * 16, row * 16 + 16))) continue
      keep[row] = 1
      count++
    }
    return count === 0 ? 'nothing' : count === n ? 'all' : keep
  }
}
