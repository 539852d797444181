import type { IncomingMessage } from 'node:http'
import { GlassboxError } from '../base/errors.ts'

/** One budget for all bytes in flight: a limit a request is not a memory limit. */
export class ByteBudget {
  #limit: () => number
  #used = 0

  constructor(limit: () => number) {
    this.#limit = limit
  }

  /** Whether `bytes` more fit beside what others hold. `own` is what the asking request holds already. */
  fits(bytes: number, own: number): boolean {
    return this.#used <= own || this.#used + bytes <= this.#limit()
  }

  /** False when there is no room; an idle host always takes one whole request. */
  take(bytes: number, own: number): boolean {
    if (!this.fits(bytes, own)) return false
    this.#used += bytes
    return true
  }

  give(bytes: number): void {
    this.#used -= bytes
  }
}

export interface ReadBody {
  bytes: Uint8Array
  /** Returns the bytes to the budget. */
  done(): void
}

/**
 * Reads a body within its limit and the shared budget.
 * @throws GlassboxError `too_large`, `overloaded`; rejects with `null` when the client went away
 */
export function readBody(request: IncomingMessage, maxBytes: number, budget: ByteBudget): Promise<ReadBody> {
  return new Promise((resolve, reject) => {
    const declared = Number(request.headers['content-length'] ?? 0)
    if (declared > maxBytes) {
      reject(new GlassboxError('too_large', `the body has ${declared} bytes, the limit is ${maxBytes}`))
      return
    }
    if (!budget.fits(declared, 0)) {
      reject(new GlassboxError('overloaded', 'too many bytes are being received at once'))
      return
    }
    let taken = 0
    let size = 0
    const chunks: Buffer[] = []
    const give = (): void => {
      budget.give(taken)
      taken = 0
    }
    const fail = (error: GlassboxError | null): void => {
      request.removeAllListeners('data')
      give()
      reject(error)
    }
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) return fail(new GlassboxError('too_large', `the body is larger than ${maxBytes} bytes`))
      if (!budget.take(chunk.length, taken)) {
        return fail(new GlassboxError('overloaded', 'too many bytes are being received at once'))
      }
      taken += chunk.length
      chunks.push(chunk)
    })
    request.on('end', () => {
      const bytes = new Uint8Array(size)
      let at = 0
      for (const chunk of chunks) {
        bytes.set(chunk, at)
        at += chunk.length
      }
      resolve({ bytes, done: give })
    })
    request.on('close', () => {
      if (!request.complete) fail(null)
    })
    request.on('error', () => fail(null))
  })
}
