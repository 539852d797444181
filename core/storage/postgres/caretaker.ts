import type pg from 'pg'
import type { Clock } from '../../base/clock.ts'
import type { RetentionPolicy } from '../store.ts'
import { connect, type PostgresTarget } from './connection.ts'
import type { Lease } from './lease.ts'
import type { MetricKeeper } from './metrics/metric-keeper.ts'
import { removeOldMetrics, tidyChunks } from './metrics/metric-upkeep.ts'
import { isAway, postgresError } from './postgres-error.ts'
import { applyRetention, RetentionClock, type RetentionResult } from './retention.ts'
import { indexClosedPart } from './upkeep.ts'

const METRIC_DAYS = 30

/** What takes long and goes on beside the writes, each piece on a connection of its own. */
export class Caretaker {
  readonly #target: PostgresTarget
  readonly #lease: Lease
  readonly #metrics: MetricKeeper
  readonly #clock: Clock
  readonly #problem: (sentence: string) => void
  readonly #retentionClock = new RetentionClock()
  #indexing: Promise<void> | null = null
  #checkpointing: Promise<void> | null = null

  constructor(
    target: PostgresTarget,
    lease: Lease,
    metrics: MetricKeeper,
    clock: Clock,
    problem: (sentence: string) => void,
  ) {
    this.#target = target
    this.#lease = lease
    this.#metrics = metrics
    this.#clock = clock
    this.#problem = problem
  }

  async #connected<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await connect(this.#target)
    try {
      return await work(client)
    } catch (error) {
      throw postgresError(error, this.#target)
    } finally {
      await client.end().catch(() => undefined)
    }
  }

  #told(work: Promise<unknown>, what: string): Promise<void> {
    return work.then(
      () => undefined,
      (error: Error) => {
        if (!isAway(error)) this.#problem(`${what}: ${error.message}`)
      },
    )
  }

  /** Builds the attribute index of a closed part, one at a time. */
  index(): void {
    this.#indexing ??= this.#told(indexClosedPart(this.#target), 'the attribute index of a part was not built').finally(
      () => {
        this.#indexing = null
      },
    )
  }

  /** Moves this host's samples from its log into chunks, unless it is at it. */
  checkpoint(): Promise<void> {
    this.#checkpointing ??= this.#told(
      this.#connected((client) => this.#metrics.checkpoint(client)),
      'metrics were not moved into chunks',
    ).finally(() => {
      this.#checkpointing = null
    })
    return this.#checkpointing
  }

  /** For the holder of the lease. @throws GlassboxError */
  retention(policy: RetentionPolicy): Promise<RetentionResult> {
    return this.#connected(async (client) => {
      const result = await applyRetention(client, this.#lease, this.#retentionClock, policy)
      const nowMs = this.#clock.nowUs() / 1000
      if (result.paused === null) {
        this.#metrics.forget(await removeOldMetrics(client, this.#lease, nowMs, policy.metricsDays ?? METRIC_DAYS))
      }
      await tidyChunks(client, this.#lease, nowMs)
      return result
    })
  }

  /** Merges and downsamples all days of metrics that are over. For the holder of the lease. */
  tidyMetrics(): Promise<void> {
    return this.#connected(async (client) => {
      while (await tidyChunks(client, this.#lease, this.#clock.nowUs() / 1000)) {
        // One day a step.
      }
    })
  }

  /** Resolves when nothing is under way. */
  async stop(): Promise<void> {
    await Promise.all([this.#indexing, this.#checkpointing])
  }
}
