import { join } from 'node:path'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import type { Clock } from '../../base/clock.ts'
import { DiskQueue } from '../../base/disk-queue.ts'
import { HostCollector, type HostRound } from '../host/host-collector.ts'
import { type Reading, reading } from '../host/readings.ts'
import { type HostIdentity, resourceMetricsOf } from './otlp-round.ts'
import { type Sent, sendMetrics } from './send-metrics.ts'

export interface AgentOptions {
  /** Base address of the OTLP receiver. */
  to: URL
  token: string
  /** Where rounds wait while the server is away. */
  dataDir: string
  queueBytes: number
  intervalMs: number
  identity: HostIdentity
  hostName?: string
  clock: Clock
  /** A sentence for people. */
  say(sentence: string): void
  /** The server took a round for the first time. */
  connected(): void
  /** Times that tests shorten. */
  backoff?: { firstMs: number; mostMs: number }
}

/** Why an agent gives up: the server refuses it at the first contact. */
export class AgentRefused extends Error {
  readonly kind: 'unauthorized' | 'forbidden' | 'nothing-there' | 'unknown-host'

  constructor(kind: AgentRefused['kind'], why: string) {
    super(why)
    this.kind = kind
  }
}

/** One request carries so many rounds at most while what waited is sent. */
const ROUNDS_A_REQUEST = 60
const DRAIN_MS = 5000
/** A request that the server answers with 500 so often is dropped: it would hold up all others. */
const MOST_FAILURES = 10

/**
 * Reports this machine's figures to another Glassbox by OTLP, in order. A round goes out at once while the server
 * answers; else it waits on disk, the oldest giving way when that is full. After an outage what waited is sent first.
 */
export class Agent {
  #options: AgentOptions
  #queue: DiskQueue
  #collector: HostCollector | null = null
  /** Rounds not on disk yet; those being sent stay in until they are taken. */
  #fresh: Uint8Array[] = []
  #sendingFromDisk = false
  #away = false
  #contact = false
  #stopping = false
  #failures = 0
  #dropped = 0
  #rejected = 0
  #wake: () => void = () => undefined
  #told = ''
  /** How long the server asked to be left alone. */
  #retryAfterMs = 0

  constructor(options: AgentOptions) {
    this.#options = options
    this.#queue = new DiskQueue(join(options.dataDir, 'agent-queue'), '.round', () => options.queueBytes)
  }

  /** Rounds that wait on disk. */
  get waiting(): number {
    return this.#queue.length
  }

  /** Collects and sends until `stop`. @throws AgentRefused when the first contact shows that it cannot work */
  async run(): Promise<void> {
    const { clock, intervalMs, hostName, identity, say } = this.#options
    this.#collector = new HostCollector({
      clock,
      intervalMs,
      host: hostName,
      version: identity.version,
      ownJob: 'glassbox-agent',
      take: async (round) => this.#take(round),
      problem: say,
      ownReadings: () => this.#readings(),
    })
    try {
      while (!this.#stopping) {
        if (this.#queue.length + this.#fresh.length === 0) await this.#sleep(null)
        else if (!(await this.#sendSome())) await this.#sleep(this.#delayMs())
      }
      await this.#collector.stop()
      await this.#drain()
    } finally {
      await this.#collector.stop()
      this.#spill()
    }
  }

  /** Ends `run`: what waits is sent within 5 s, the rest stays on disk for the next start. */
  stop(): void {
    this.#stopping = true
    this.#wake()
  }

  #readings(): Reading[] {
    return [
      reading('glassbox_agent_queue_bytes', this.#queue.bytes),
      reading('glassbox_agent_dropped_rounds_total', this.#dropped),
      reading('glassbox_agent_rejected_points_total', this.#rejected),
    ]
  }

  #take(round: HostRound): void {
    this.#fresh.push(zstdCompressSync(JSON.stringify(resourceMetricsOf(round, this.#options.identity))))
    if (this.#away || this.#sendingFromDisk) this.#spill()
    if (!this.#away) this.#wake()
  }

  /** Moves fresh rounds behind those on disk. */
  #spill(): void {
    for (const body of this.#fresh.splice(0)) {
      let kept = this.#queue.push('', body)
      while (kept === 'full' && this.#queue.length > 0) {
        this.#queue.shift()
        this.#dropped++
        kept = this.#queue.push('', body)
      }
      if (kept === 'kept') continue
      this.#dropped++
      this.#tell(`rounds are lost: the queue in ${this.#options.dataDir} cannot be written`)
    }
  }

  /** One request with the oldest rounds; answers whether the next can follow at once. */
  async #sendSome(): Promise<boolean> {
    const fromDisk = this.#queue.length > 0
    const bodies: Uint8Array[] = []
    if (fromDisk) {
      // A damaged file counts as lost when its turn comes.
      while (bodies.length === 0 && this.#queue.length > 0) {
        const first = this.#queue.peek()?.body
        if (first) bodies.push(first)
        else {
          this.#queue.shift()
          this.#dropped++
        }
      }
      while (bodies.length < Math.min(ROUNDS_A_REQUEST, this.#queue.length)) {
        const next = this.#queue.peek(bodies.length)?.body
        if (!next) break
        bodies.push(next)
      }
      if (bodies.length === 0) return true
    } else bodies.push(...this.#fresh.slice(0, ROUNDS_A_REQUEST))
    this.#sendingFromDisk = fromDisk
    const metrics = bodies.flatMap((body) => JSON.parse(zstdDecompressSync(body).toString()) as unknown[])
    const sent = await sendMetrics(this.#options.to, this.#options.token, metrics)
    this.#sendingFromDisk = false
    const done = this.#settle(sent, bodies.length)
    if (!done) {
      this.#away = true
      this.#spill()
      return false
    }
    if (fromDisk) for (let i = 0; i < bodies.length; i++) this.#queue.shift()
    else this.#fresh.splice(0, bodies.length)
    return true
  }

  /** Whether the rounds of this request are done with, one way or the other. */
  #settle(sent: Sent, rounds: number): boolean {
    this.#retryAfterMs = 0
    if (sent.kind === 'taken') {
      if (this.#away) this.#options.say(`${this.#options.to.href} answers again`)
      this.#away = false
      this.#failures = 0
      this.#told = ''
      this.#rejected += sent.rejected
      if (sent.rejected > 0) this.#tell(`${sent.rejected} points were rejected: ${sent.message}`)
      if (!this.#contact) this.#options.connected()
      this.#contact = true
      return true
    }
    // A server that has not taken anything yet and refuses the very first body is no OTLP receiver.
    if (sent.kind === 'refused' && !this.#contact) throw new AgentRefused('nothing-there', sent.why)
    if (sent.kind === 'refused') {
      this.#tell(`a request was refused, ${rounds} rounds are dropped: ${sent.why}`)
      this.#dropped += rounds
      return true
    }
    if (!this.#contact) {
      if (sent.kind !== 'away') throw new AgentRefused(sent.kind, sent.why)
      if (!sent.found) throw new AgentRefused('unknown-host', sent.why)
    }
    this.#failures++
    if (sent.kind === 'away') this.#retryAfterMs = sent.retryAfterMs
    if (/^HTTP 500/.test(sent.why) && this.#failures >= MOST_FAILURES) {
      this.#tell(`a request failed ${this.#failures} times, ${rounds} rounds are dropped: ${sent.why}`)
      this.#dropped += rounds
      this.#failures = 0
      return true
    }
    this.#tell(`${this.#options.to.href} takes nothing (${sent.why}); figures wait on disk`)
    return false
  }

  /** Doubles from 1 s to 5 min, with jitter, or what the server asked for. */
  #delayMs(): number {
    const { firstMs, mostMs } = this.#options.backoff ?? { firstMs: 1000, mostMs: 300_000 }
    const most = Math.min(mostMs, firstMs * 2 ** Math.min(this.#failures - 1, 20))
    return Math.max(this.#retryAfterMs, most * (0.5 + Math.random() / 2))
  }

  /** Until woken by a round, or after `ms`; a stop ends it at once. */
  async #sleep(ms: number | null): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      this.#wake = () => {
        if (ms === null || this.#stopping) resolve()
      }
      if (ms !== null) timer = setTimeout(resolve, ms)
      // Nothing else need keep the process alive while it waits for the next round.
      else timer = setInterval(() => undefined, 60_000)
      if (this.#stopping) resolve()
    })
    clearTimeout(timer)
    this.#wake = () => undefined
  }

  async #drain(): Promise<void> {
    const { clock } = this.#options
    const until = clock.monotonicMs() + DRAIN_MS
    while (this.#queue.length + this.#fresh.length > 0 && clock.monotonicMs() < until) {
      try {
        if (!(await this.#sendSome())) return
      } catch (error) {
        // A stop before the first contact: what was collected waits for the next start.
        if (error instanceof AgentRefused) return
        throw error
      }
    }
  }

  /** The same sentence is said once until the server answers again. */
  #tell(sentence: string): void {
    if (this.#told === sentence) return
    this.#told = sentence
    this.#options.say(sentence)
  }
}
