import type { OutputEntry } from './program-output.ts'

const FLUSH_MS = 500
const MOST_AT_ONCE = 1000
/** What waits while Glassbox is away or slower than the program; more is dropped, oldest first. */
const MOST_WAITING = 100_000
const MOST_CHARS = 32 * 1024 * 1024
const TIMEOUT_MS = 5000

/** Sends a program's output as log records of its service. Nothing of it ever holds the program up. */
export class OutputSender {
  #address: string
  #resource: object
  #waiting: OutputEntry[] = []
  #chars = 0
  #dropped = 0
  #running: Promise<void> | null = null
  #timer: NodeJS.Timeout | undefined

  /** @param endpoint of OTLP/HTTP @param attributes of the resource */
  constructor(endpoint: string, attributes: Record<string, string>) {
    this.#address = `${endpoint}/v1/logs`
    this.#resource = { attributes: Object.entries(attributes).map(([key, value]) => pair(key, value)) }
  }

  add(entry: OutputEntry): void {
    this.#waiting.push(entry)
    this.#chars += entry.text.length
    while (this.#waiting.length > MOST_WAITING || this.#chars > MOST_CHARS) {
      this.#chars -= this.#waiting.shift()?.text.length ?? 0
      this.#dropped++
    }
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#flush()
    }, FLUSH_MS)
  }

  /** Sends what still waits, once more where it failed; answers how many entries were not kept. */
  async end(): Promise<number> {
    clearTimeout(this.#timer)
    await this.#running
    for (let left = -1; this.#waiting.length > 0 && left !== this.#waiting.length; ) {
      left = this.#waiting.length
      await this.#flush()
    }
    return this.#dropped + this.#waiting.length
  }

  #flush(): Promise<void> {
    this.#running ??= this.#send().finally(() => {
      this.#running = null
    })
    return this.#running
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const sent = this.#waiting.slice(0, MOST_AT_ONCE)
      const logRecords = sent.map(({ time, stream, text, severity }) => ({
        timeUnixNano: `${time}000000`,
        observedTimeUnixNano: `${Date.now()}000000`,
        severityNumber: severity,
        body: { stringValue: text },
        attributes: [pair('log.iostream', stream)],
      }))
      const answer = await fetch(this.#address, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          resourceLogs: [{ resource: this.#resource, scopeLogs: [{ scope: { name: 'glassbox run' }, logRecords }] }],
        }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch(() => null)
      // It waits for the next time; what came meanwhile may have pushed the oldest out.
      if (!answer?.ok) return
      const rest = this.#waiting.slice(this.#waiting.lastIndexOf(sent[sent.length - 1]) + 1)
      this.#waiting = rest
      this.#chars = rest.reduce((sum, { text }) => sum + text.length, 0)
    }
  }
}

const pair = (key: string, stringValue: string): object => ({ key, value: { stringValue } })
