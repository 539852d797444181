import { deserialize, serialize } from 'node:v8'
import { DiskQueue } from '../../base/disk-queue.ts'
import type { PendingWrite } from './write-transaction.ts'

/** Writes that wait on disk, in order, for Postgres to come back; the tag of each says its rows and id. */
export class WriteQueue {
  #queue: DiskQueue

  /** Finds what an earlier run left. @param limit most bytes on disk */
  constructor(folder: string, limit: () => number) {
    this.#queue = new DiskQueue(folder, '.write', limit)
  }

  get length(): number {
    return this.#queue.length
  }

  get bytes(): number {
    return this.#queue.bytes
  }

  /** Rows that wait. */
  get rows(): { spans: number; logs: number } {
    return this.#queue.tags
      .map(readTag)
      .reduce((sum, one) => ({ spans: sum.spans + one.spans, logs: sum.logs + one.logs }), {
        spans: 0,
        logs: 0,
      })
  }

  /** False when there is no room, or the disk takes nothing. */
  push(write: PendingWrite): boolean {
    const body = serialize({ spans: write.spans, logs: write.logs })
    const sum = (list: { n: number }[]): number => list.reduce((total, batch) => total + batch.n, 0)
    return this.#queue.push(`${sum(write.spans)}_${sum(write.logs)}_${write.id}`, body) === 'kept'
  }

  /** The oldest write; null content when its file is damaged. */
  peek(): { write: PendingWrite | null; spans: number; logs: number } | null {
    const first = this.#queue.peek()
    if (!first) return null
    const { spans, logs, id } = readTag(first.tag)
    if (!first.body) return { write: null, spans, logs }
    return { write: { id, ...(deserialize(first.body) as Omit<PendingWrite, 'id'>) }, spans, logs }
  }

  /** Forgets the oldest write: it is stored, or cannot be. */
  shift(): void {
    this.#queue.shift()
  }
}

function readTag(tag: string): { spans: number; logs: number; id: string } {
  const [spans, logs, id] = tag.split('_')
  return { spans: Number(spans), logs: Number(logs), id }
}
