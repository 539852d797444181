import type { Completion, CompletionContext, CompletionResult } from '@codemirror/autocomplete'
import { type CompleteStrategy, newCompleteStrategy, type PrometheusClient } from '@prometheus-io/codemirror-promql'
import { isAbort } from '../../../api/client.ts'
import { prometheus } from '../../../api/prometheus.ts'
import type { PrometheusAnswer } from '../../../api/prometheus-shapes.ts'
import { signatureOf } from '../derive/signatures.ts'

/** Names and values offered at once; a server with more is asked again as the person types on. */
export const MOST_OFFERED = 1000
const KEPT_MS = 60_000
const MOST_KEPT = 100

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
const metricSelector = (name: string | undefined): string | null => (name ? `{__name__=${JSON.stringify(name)}}` : null)

interface Kept {
  at: number
  list: string[]
  cut: boolean
}

/**
 * What the completion asks of our own api: never all series, at most MOST_OFFERED of anything, kept for a minute, and
 * stopped when the person types on.
 */
class CompletionClient implements PrometheusClient {
  #kept = new Map<string, Kept>()
  #running = new Set<AbortController>()
  #metadata: { at: number; all: Record<string, { type: string; help: string }[]> } | null = null
  /** Whether the list last given was cut at MOST_OFFERED. */
  cut = false

  async #list(key: string, ask: (signal: AbortSignal) => Promise<PrometheusAnswer<string[]>>): Promise<string[]> {
    const known = this.#kept.get(key)
    if (known && Date.now() - known.at < KEPT_MS) {
      this.cut = known.cut
      return known.list
    }
    const own = new AbortController()
    this.#running.add(own)
    try {
      const answer = await ask(own.signal)
      const kept = { at: Date.now(), list: answer.data, cut: (answer.warnings ?? []).length > 0 }
      this.#kept.delete(key)
      this.#kept.set(key, kept)
      for (const oldest of this.#kept.keys()) {
        if (this.#kept.size <= MOST_KEPT) break
        this.#kept.delete(oldest)
      }
      this.cut = kept.cut
      return kept.list
    } catch (error) {
      // Without an answer there is nothing to offer; what is wrong shows when the query runs.
      if (!isAbort(error)) this.cut = false
      return []
    } finally {
      this.#running.delete(own)
    }
  }

  labelNames(metricName?: string): Promise<string[]> {
    const selector = metricSelector(metricName)
    return this.#list(`names ${selector}`, (signal) =>
      prometheus.labelNames(selector ? [selector] : [], MOST_OFFERED, signal),
    )
  }

  labelValues(labelName: string, metricName?: string): Promise<string[]> {
    const selector = metricSelector(metricName)
    return this.#list(`values ${labelName} ${selector}`, (signal) =>
      prometheus.labelValues(labelName, selector, MOST_OFFERED, signal),
    )
  }

  /** All names while they fit, else those that hold what is typed. */
  async metricNames(typed?: string): Promise<string[]> {
    const all = await this.#list('metrics', (signal) => prometheus.labelValues('__name__', null, MOST_OFFERED, signal))
    if (!this.cut || !typed) return all
    return this.#list(`metrics ${typed}`, (signal) =>
      prometheus.labelValues('__name__', `{__name__=~".*${escaped(escaped(typed))}.*"}`, MOST_OFFERED, signal),
    )
  }

  async metricMetadata(): Promise<Record<string, { type: string; help: string }[]>> {
    if (this.#metadata && Date.now() - this.#metadata.at < KEPT_MS) return this.#metadata.all
    const own = new AbortController()
    this.#running.add(own)
    try {
      this.#metadata = { at: Date.now(), all: (await prometheus.metadata(own.signal)).data }
      return this.#metadata.all
    } catch {
      return {}
    } finally {
      this.#running.delete(own)
    }
  }

  /** Never asked for: label names and values have routes of their own. */
  async series(): Promise<never[]> {
    return []
  }

  async flags(): Promise<Record<string, string>> {
    return {}
  }

  cancel(): void {
    for (const one of this.#running) one.abort()
    this.#running.clear()
  }

  destroy(): void {
    this.cancel()
  }
}

export interface CompletionHooks {
  /** One sentence about a function; empty when there is none. */
  sentence(name: string): string
  /** The list shown was cut; called with false when the next one is whole. */
  cut(is: boolean): void
}

/** Completion of PromQL from our own api, functions explained in the person's language. */
export function promqlCompletion(hooks: CompletionHooks): CompleteStrategy {
  const client = new CompletionClient()
  const inner = newCompleteStrategy({ remote: client, maxMetricsMetadata: MOST_OFFERED })
  return {
    async promQL(context: CompletionContext): Promise<CompletionResult | null> {
      context.addEventListener('abort', () => client.cancel(), { onDocChange: true })
      client.cut = false
      const result = await inner.promQL(context)
      hooks.cut(client.cut)
      if (!result) return null
      const options = result.options.map((option) => explained(option, hooks))
      // A list that was cut is asked for again with every letter.
      return client.cut ? { from: result.from, to: result.to, options } : { ...result, options }
    },
    destroy: () => client.destroy(),
  }
}

function explained(option: Completion, hooks: CompletionHooks): Completion {
  if (option.type !== 'function' && option.detail !== 'aggregation') return option
  const signature = signatureOf(option.label)
  if (!signature) return option
  return { ...option, info: () => functionCard(signature, hooks.sentence(option.label)) }
}

/** Signature and sentence as an element; text only. */
export function functionCard(signature: string, sentence: string): HTMLElement {
  const card = document.createElement('div')
  card.className = 'function-card'
  const head = document.createElement('code')
  head.textContent = signature
  const text = document.createElement('p')
  text.textContent = sentence
  card.append(head, text)
  return card
}
