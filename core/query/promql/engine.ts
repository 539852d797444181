import { Worker } from 'node:worker_threads'
import { GlassboxError } from '../../base/errors.ts'
import { RpcClient, serveRpc, Transferred } from '../../base/rpc.ts'
import { workerFile } from '../../base/worker-file.ts'
import { packSeries, seriesBuffers } from '../../model/packed-series.ts'
import type { MetricReader, PackedResult, SelectQuery } from '../../storage/metric-store.ts'
import type { QueryContext } from '../../storage/store.ts'
import {
  DEFAULT_LIMITS,
  DEFAULT_LOOKBACK_MS,
  type EvaluationSettings,
  type PromqlAnswer,
  type PromqlFeatures,
  type PromqlJson,
  type PromqlLimits,
  STABLE_FEATURES,
} from './answer.ts'
import { STOP, stopError } from './stop-sign.ts'

/** How long a worker may run on after its deadline before it is replaced. */
const OVERRUN_MS = 2000
const DEFAULT_TIMEOUT_MS = 120_000
/** Columns lie outside the heap; labels and texts that live as long as a query grew it to 140 MB a thread without a limit. */
const YOUNG_MB = 24

/** What can change while the engine runs. */
export interface EngineConfiguration {
  timeoutMs?: number
  features?: Partial<PromqlFeatures>
  limits?: Partial<PromqlLimits>
}

/** The part of a store that queries read. */
export type SampleReader = Pick<MetricReader, 'select'> & Partial<Pick<MetricReader, 'selectPacked'>>

export interface PromqlEngineOptions extends EngineConfiguration {
  /** The arrays of what it answers are handed to a worker and may be no longer readable afterwards. */
  reader: SampleReader
  /** Threads that evaluate; one query runs on one thread. Default 2. */
  workers?: number
  /** Queries waiting for a thread; more are refused with `overloaded`. Default 64. */
  maxWaiting?: number
  lookbackMs?: number
  subqueryStepMs?: number
}

export interface PromqlContext extends QueryContext {
  /** Overrides the engine's lookback for this query (`lookback_delta` of the API), ms. */
  lookbackMs?: number
  /** Overrides which experimental parts this query may use: queries of our own do not hang on the person's setting. */
  features?: PromqlFeatures
  /** At most so many points a series of a range query: highs and lows survive (thin.ts). Default: all. */
  mostPoints?: number
}

/**
 * Evaluates PromQL on threads of its own. Errors are GlassboxError: `bad_promql` (the text cannot be read; the message
 * starts with line:column), `promql_failed` (it was read but cannot be evaluated), `query_too_large`, `query_timeout`,
 * `query_cancelled`, `overloaded`.
 */
export interface PromqlEngine {
  /** @param timeMs whole ms since the epoch */
  instant(query: string, timeMs: number, context?: PromqlContext): Promise<PromqlAnswer>
  /** Both ends inclusive; the answer is always a matrix. All in whole ms. */
  range(query: string, startMs: number, endMs: number, stepMs: number, context?: PromqlContext): Promise<PromqlAnswer>
  /** As `range`, or as `instant` where the step is 0; the answer as the JSON that the api sends, made on the query's thread. */
  json(asked: JsonQuery, context?: PromqlContext): Promise<PromqlJson>
  /** Of queries that come from now on. */
  configure(changed: EngineConfiguration): void
  stop(): Promise<void>
}

/** All in whole ms. */
export interface JsonQuery {
  query: string
  start: number
  end: number
  /** 0 for an instant query. */
  step: number
  /** Most series of the answer; 0 = all. */
  limit: number
}

/** What a worker is asked to evaluate. */
export interface EvaluationRequest {
  id: number
  query: string
  start: number
  end: number
  /** 0 for an instant query. */
  step: number
  settings: EvaluationSettings
  flag: SharedArrayBuffer
  /** null = all */
  mostPoints: number | null
  /** Set when the answer is wanted as JSON of at most so many series; 0 = all. */
  jsonLimit: number | null
}

interface Job {
  request: EvaluationRequest
  context: PromqlContext
  timeoutMs: number
  resolve(answer: PromqlAnswer | PromqlJson): void
  reject(error: unknown): void
}

/** Hands the result on as it comes, where the reader can; else packs it. */
async function packedResult(reader: SampleReader, query: SelectQuery, context?: QueryContext): Promise<PackedResult> {
  if (reader.selectPacked) return reader.selectPacked(query, context)
  const { series, ...told } = await reader.select(query, context)
  return { series: packSeries(series), ...told }
}

class EngineThread {
  busy = false
  #worker: Worker | null = null
  #rpc: RpcClient | null = null
  #reader: SampleReader
  #contexts = new Map<number, QueryContext>()

  constructor(reader: SampleReader) {
    this.#reader = reader
  }

  async run(job: Job): Promise<PromqlAnswer | PromqlJson> {
    const rpc = this.#start()
    const sign = new Int32Array(job.request.flag)
    const abort = new AbortController()
    this.#contexts.set(job.request.id, { signal: abort.signal, timeoutMs: job.timeoutMs })
    return await new Promise<PromqlAnswer | PromqlJson>((resolve, reject) => {
      const raise = (why: number): void => {
        Atomics.compareExchange(sign, 0, 0, why)
        abort.abort()
      }
      const cancel = (): void => raise(STOP.cancelled)
      const deadline = setTimeout(() => raise(STOP.late), job.timeoutMs)
      const overrun = setTimeout(() => {
        reject(stopError(STOP.late))
        this.#replace(rpc)
      }, job.timeoutMs + OVERRUN_MS)
      if (job.context.signal?.aborted) cancel()
      job.context.signal?.addEventListener('abort', cancel, { once: true })
      rpc
        .call<PromqlAnswer | PromqlJson>('evaluate', job.request)
        .then(resolve, (error) => reject(Atomics.load(sign, 0) === 0 ? error : stopError(Atomics.load(sign, 0))))
        .finally(() => {
          clearTimeout(deadline)
          clearTimeout(overrun)
          job.context.signal?.removeEventListener('abort', cancel)
          this.#contexts.delete(job.request.id)
        })
    })
  }

  #start(): RpcClient {
    if (this.#rpc) return this.#rpc
    const worker = new Worker(workerFile(import.meta.url, './promql.worker.ts'), {
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
    })
    const rpc = new RpcClient(worker)
    serveRpc(worker, {
      select: async (asked: { id: number; query: SelectQuery }) => {
        const result = await packedResult(this.#reader, asked.query, this.#contexts.get(asked.id))
        return new Transferred(result, seriesBuffers(result.series))
      },
    })
    const lost = (error: Error): void => {
      rpc.close(error)
      if (this.#rpc !== rpc) return
      this.#rpc = null
      this.#worker = null
    }
    worker.on('error', lost)
    worker.on('exit', (code) => lost(new GlassboxError('internal', `A PromQL thread ended with code ${code}.`)))
    this.#worker = worker
    this.#rpc = rpc
    return rpc
  }

  #replace(rpc: RpcClient): void {
    if (this.#rpc !== rpc) return
    const worker = this.#worker
    this.#rpc = null
    this.#worker = null
    rpc.close(stopError(STOP.late))
    void worker?.terminate()
  }

  async stop(): Promise<void> {
    const worker = this.#worker
    this.#rpc?.close(stopError(STOP.cancelled))
    this.#rpc = null
    this.#worker = null
    await worker?.terminate()
  }
}

/** Threads start at the first query. */
export function createPromqlEngine(options: PromqlEngineOptions): PromqlEngine {
  const threads = Array.from({ length: options.workers ?? 2 }, () => new EngineThread(options.reader))
  const maxWaiting = options.maxWaiting ?? 64
  const settingsOf = ({ features, limits }: EngineConfiguration): EvaluationSettings => ({
    features: { ...STABLE_FEATURES, ...features },
    limits: { ...DEFAULT_LIMITS, ...limits },
    lookbackMs: options.lookbackMs ?? DEFAULT_LOOKBACK_MS,
    subqueryStepMs: options.subqueryStepMs ?? 60_000,
  })
  let settings = settingsOf(options)
  let mostMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  const waiting: Job[] = []
  let nextId = 1
  let stopped = false

  const next = (): void => {
    const thread = threads.find((candidate) => !candidate.busy)
    const job = thread ? waiting.shift() : undefined
    if (!thread || !job) return
    if (job.context.signal?.aborted) {
      job.reject(stopError(STOP.cancelled))
      next()
      return
    }
    thread.busy = true
    // Free before the asker hears of it: his next query finds the thread that is warm.
    thread
      .run(job)
      .finally(() => {
        thread.busy = false
        next()
      })
      .then(job.resolve, job.reject)
  }

  const ask = <T extends PromqlAnswer | PromqlJson>(
    query: string,
    start: number,
    end: number,
    step: number,
    context: PromqlContext = {},
    jsonLimit: number | null = null,
  ) =>
    new Promise<T>((resolve, reject) => {
      if (stopped || context.signal?.aborted) {
        reject(stopError(STOP.cancelled))
        return
      }
      if (waiting.length >= maxWaiting) {
        reject(new GlassboxError('overloaded', `${waiting.length} PromQL queries already wait for a thread.`))
        return
      }
      waiting.push({
        request: {
          id: nextId++,
          query,
          start,
          end,
          step,
          settings: {
            ...settings,
            lookbackMs: context.lookbackMs ?? settings.lookbackMs,
            features: context.features ?? settings.features,
          },
          flag: new SharedArrayBuffer(4),
          mostPoints: context.mostPoints ?? null,
          jsonLimit,
        },
        context,
        timeoutMs: Math.min(context.timeoutMs ?? mostMs, mostMs),
        resolve: resolve as Job['resolve'],
        reject,
      })
      next()
    })

  return {
    json: ({ query, start, end, step, limit }, context) => ask<PromqlJson>(query, start, end, step, context, limit),
    instant: (query, timeMs, context) => ask(query, timeMs, timeMs, 0, context),
    range: (query, startMs, endMs, stepMs, context) => ask(query, startMs, endMs, stepMs, context),
    configure(changed) {
      settings = settingsOf(changed)
      mostMs = changed.timeoutMs ?? DEFAULT_TIMEOUT_MS
    },
    async stop() {
      stopped = true
      for (const job of waiting.splice(0)) job.reject(stopError(STOP.cancelled))
      await Promise.all(threads.map((thread) => thread.stop()))
    },
  }
}
