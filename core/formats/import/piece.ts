import type { TextOrigin } from '../otlp/json-values.ts'

/** A part of a file that is decoded on its own, so that a fault costs no neighbour. */
export interface Piece extends TextOrigin {
  /**
   * Where it stood: a line or object of its own, an element of the outermost list, or an element of one of
   * `STREAMED`'s lists.
   */
  place: 'own' | 'list' | (typeof STREAMED)[number]
  /** JSON text; null when it was too long to be kept. */
  bytes: Buffer | null
}

/** Lists of an outermost object whose elements stand on their own. */
export const STREAMED = ['resourceSpans', 'resourceLogs', 'resourceMetrics', 'batches', 'data'] as const

/** What one line or element may hold; also what is held in memory at once. */
export const MAX_PIECE_BYTES = 64 * 1024 * 1024
/** Bytes of one piece while they come in; forgets them once there are too many. */
export class Gathering {
  #parts: Buffer[] = []
  #size = 0
  #max: number

  constructor(max: number) {
    this.#max = max
  }

  add(bytes: Buffer): void {
    this.#size += bytes.length
    if (this.#size > this.#max) this.#parts = []
    // Chunks are views on memory that their stream may use again.
    else if (bytes.length > 0) this.#parts.push(Buffer.from(bytes))
  }

  /** Makes it too long, whatever its size. */
  spoil(): void {
    this.#size = Number.POSITIVE_INFINITY
    this.#parts = []
  }

  take(): Buffer | null {
    const bytes = this.#size > this.#max ? null : Buffer.concat(this.#parts)
    this.#parts = []
    this.#size = 0
    return bytes
  }
}
