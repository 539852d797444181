import type { TraceStructure } from '../../../core/model/trace-structure.ts'
import type { TraceLayout } from './derive/layout.ts'
import type { LayoutReply, LayoutRequest } from './layout.worker.ts'

type Result = { trace: TraceStructure; layout: TraceLayout }

/** The worker that lays traces out; had at its first task, given back by `close`. */
export class LayoutThread {
  /** One that waits for whoever opens the next trace. */
  static #spare: Worker | null = null
  #worker: Worker | null = null
  #waiting = new Map<number, { resolve(result: Result): void; reject(error: Error): void }>()
  #next = 1

  /** Starts a worker ahead of its first task. */
  static keepReady(): void {
    LayoutThread.#spare ??= LayoutThread.#make()
  }

  static #make(): Worker {
    return new Worker(new URL('./layout.worker.ts', import.meta.url), { type: 'module' })
  }

  /** `bytes` are handed over. @throws Error when they are no packed structure or the worker fails. */
  layout(bytes: ArrayBuffer, correct: boolean): Promise<Result> {
    const worker = this.#start()
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage({ id, bytes, correct } satisfies LayoutRequest, [bytes])
    })
  }

  close(): void {
    const worker = this.#worker
    this.#worker = null
    if (worker) {
      worker.onmessage = null
      worker.onerror = null
      // One that still works for nobody would keep the next trace waiting.
      if (this.#waiting.size > 0 || LayoutThread.#spare) worker.terminate()
      else LayoutThread.#spare = worker
    }
    this.#fail(new DOMException('closed', 'AbortError'))
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = LayoutThread.#spare ?? LayoutThread.#make()
    LayoutThread.#spare = null
    worker.onmessage = ({ data }: MessageEvent<LayoutReply>) => {
      const waiter = this.#waiting.get(data.id)
      this.#waiting.delete(data.id)
      if (data.trace && data.layout) waiter?.resolve({ trace: data.trace, layout: data.layout })
      else waiter?.reject(new Error(data.failure ?? 'the layout failed'))
    }
    worker.onerror = (event) => {
      this.#worker?.terminate()
      this.#worker = null
      this.#fail(new Error(event.message || 'the layout thread failed'))
    }
    this.#worker = worker
    return worker
  }

  #fail(error: Error): void {
    for (const waiter of this.#waiting.values()) waiter.reject(error)
    this.#waiting.clear()
  }
}
