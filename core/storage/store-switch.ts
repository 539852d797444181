import type { MessagePort } from 'node:worker_threads'
import { GlassboxError } from '../base/errors.ts'
import type { MetricMoves } from './metric-move.ts'
import type { MetricStore } from './metric-store.ts'
import type { Changes, RetentionPolicy, TelemetryReader, TelemetryStore, TelemetryWriter } from './store.ts'

/** A store whose engine can be exchanged under those who hold it. */
export class StoreSwitch implements TelemetryStore {
  #current: TelemetryStore
  #renewals: ((port: MessagePort) => void)[] = []
  /** Counts exchanges: the writes of another engine have other numbers. */
  #generation = 0
  #followed = 0
  #retentionHeld: string | null = null
  #pinned: readonly string[] = []
  #foreign = new Set<() => void>()
  #endForeign: (() => void) | undefined
  readonly reader: TelemetryReader
  readonly metrics: MetricStore
  readonly writer: TelemetryWriter

  constructor(store: TelemetryStore) {
    this.#current = store
    const behind = <T extends object>(pick: (store: TelemetryStore) => T, own: Partial<T> = {}): T =>
      new Proxy({} as T, {
        get: (_, name) => {
          if (name in own) return own[name as keyof T]
          const target = pick(this.#current)
          const value = target[name as keyof T]
          return typeof value === 'function' ? value.bind(target) : value
        },
        has: (_, name) => name in pick(this.#current),
      })
    this.reader = behind((one) => one.reader, { changes: (seq, limit) => this.#changes(seq, limit) })
    this.metrics = behind((one) => one.metrics)
    this.writer = behind((one) => one.writer)
  }

  get current(): TelemetryStore {
    return this.#current
  }

  /** Who followed the old engine's writes goes on with the new one's from now on. */
  async #changes(seq: number, limit: number): Promise<Changes> {
    if (this.#followed === this.#generation) return this.#current.reader.changes(seq, limit)
    const now = await this.#current.reader.changes(0, 0)
    this.#followed = this.#generation
    return now
  }

  writerPort(renew?: (port: MessagePort) => void): MessagePort {
    if (renew) this.#renewals.push(renew)
    return this.#portOf(this.#current, renew)
  }

  #portOf(store: TelemetryStore, renew?: (port: MessagePort) => void): MessagePort {
    return store.writerPort(
      renew &&
        ((port) => {
          if (store === this.#current) renew(port)
        }),
    )
  }

  /** From now on everything goes to `store`. Nobody may be writing. */
  exchange(store: TelemetryStore): void {
    this.#current = store
    this.#generation++
    store.setPinned(this.#pinned)
    this.#followForeign()
    for (const renew of this.#renewals) renew(this.#portOf(store, renew))
  }

  onForeignWrite(told: () => void): () => void {
    this.#foreign.add(told)
    if (!this.#endForeign) this.#followForeign()
    return () => this.#foreign.delete(told)
  }

  #followForeign(): void {
    this.#endForeign?.()
    this.#endForeign = this.#current.onForeignWrite?.(() => {
      for (const told of this.#foreign) told()
    })
  }

  /** Stops retention with a reason to show, so that what is being moved stays; null lets it go on. */
  holdRetention(reason: string | null): void {
    this.#retentionHeld = reason
  }

  setPinned(traceIds: readonly string[]): void {
    this.#pinned = traceIds
    this.#current.setPinned(traceIds)
  }

  async runRetention(policy: RetentionPolicy) {
    if (this.#retentionHeld === null) return this.#current.runRetention(policy)
    return { spans: 0, logs: 0, bytesFreed: 0, paused: this.#retentionHeld }
  }

  get metricMoves(): MetricMoves {
    return this.#current.metricMoves
  }

  stats = () => this.#current.stats()
  /** Of an engine that is one file; see the contract. */
  get replaceFile(): TelemetryStore['replaceFile'] {
    return this.#current.replaceFile?.bind(this.#current)
  }

  usage = () => this.#current.usage()
  clear = () => this.#current.clear()
  compact = (goOn?: (steps: number) => boolean) => this.#current.compact(goOn)

  stop(): Promise<void> {
    return Promise.reject(new GlassboxError('internal', 'the engines are stopped by who opened them'))
  }
}
