import type { MessagePort, Transferable, Worker } from 'node:worker_threads'
import { type ErrorCode, GlassboxError } from './errors.ts'

/** A port to call over: a Worker from outside, parentPort or a MessagePort from inside. */
export type RpcPort = Pick<MessagePort, 'postMessage' | 'on'> | Worker

interface Call {
  kind: 'call'
  id: number
  method: string
  argument: unknown
}
interface Reply {
  kind: 'reply'
  id: number
  value?: unknown
  error?: { code: ErrorCode | null; message: string; hint?: string; stack?: string }
}
interface Notice {
  kind: 'notice'
  method: string
  argument: unknown
}

/** Marks a reply value whose buffers are handed over instead of copied. */
export class Transferred<T> {
  readonly value: T
  readonly transfer: readonly Transferable[]
  constructor(value: T, transfer: readonly Transferable[]) {
    this.value = value
    this.transfer = transfer
  }
}

export type Handlers = Record<string, (argument: never) => unknown>

/** Answers calls and notices that arrive on `port`. Typed errors keep their code across the port. */
export function serveRpc(port: RpcPort, handlers: Handlers): void {
  port.on('message', (message: Call | Notice) => {
    if (message.kind !== 'call' && message.kind !== 'notice') return
    const handler = handlers[message.method] as ((argument: unknown) => unknown) | undefined
    if (message.kind === 'notice') {
      handler?.(message.argument)
      return
    }
    const { id } = message
    Promise.resolve()
      .then(() => {
        if (!handler) throw new GlassboxError('internal', `unknown worker method ${message.method}`)
        return handler(message.argument)
      })
      .then(
        (value) => {
          if (value instanceof Transferred)
            port.postMessage({ kind: 'reply', id, value: value.value }, [...value.transfer])
          else port.postMessage({ kind: 'reply', id, value } satisfies Reply)
        },
        (error: unknown) => port.postMessage({ kind: 'reply', id, error: packError(error) } satisfies Reply),
      )
  })
}

function packError(error: unknown): Reply['error'] {
  if (error instanceof GlassboxError) return { code: error.code, message: error.message, hint: error.hint }
  if (error instanceof Error) return { code: null, message: error.message, stack: error.stack }
  return { code: null, message: String(error) }
}

/** Calls the handlers at the other end of `port`. */
export class RpcClient {
  #port: RpcPort
  #nextId = 1
  #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #closed: Error | null = null

  constructor(port: RpcPort) {
    this.#port = port
    port.on('message', (message: Reply) => {
      if (message.kind !== 'reply') return
      const waiter = this.#waiting.get(message.id)
      if (!waiter) return
      this.#waiting.delete(message.id)
      if (message.error) {
        const { code, message: text, hint, stack } = message.error
        const error = code ? new GlassboxError(code, text, hint) : new Error(text)
        if (stack) error.stack = stack
        waiter.reject(error)
      } else waiter.resolve(message.value)
    })
  }

  call<T>(method: string, argument: unknown, transfer: readonly Transferable[] = []): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closed)
    const id = this.#nextId++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#port.postMessage({ kind: 'call', id, method, argument } satisfies Call, [...transfer])
    })
  }

  notify(method: string, argument: unknown, transfer: readonly Transferable[] = []): void {
    if (!this.#closed) this.#port.postMessage({ kind: 'notice', method, argument } satisfies Notice, [...transfer])
  }

  /** Calls that have had no answer yet. */
  get pending(): number {
    return this.#waiting.size
  }

  /** Fails what waits, and every later call, with `error` (the worker died or the host stops). */
  close(error: Error): void {
    this.#closed = error
    for (const waiter of this.#waiting.values()) waiter.reject(error)
    this.#waiting.clear()
  }
}
