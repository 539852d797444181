import type { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { type AskApi, MAX_CHARS, READ_ONLY, since, startOf } from './ask.ts'
import { BoundedText, oneLine } from './bounded-text.ts'

/** Values that one line of a range holds; the step follows from it. */
const POINTS = 30
const LEAST_STEP_S = 15
const MOST_SERIES = 100
const MOST_NAMES = 500

type Sample = [seconds: number, value: string]
interface Series {
  metric: Record<string, string>
  value?: Sample
  values?: Sample[]
  histogram?: unknown
  histograms?: unknown
}
interface Answer<T> {
  data: T
  warnings?: string[]
  infos?: string[]
}
interface QueryData {
  resultType: 'vector' | 'matrix' | 'scalar' | 'string'
  result: Series[] | Sample
}

/** Tools that read metrics: their names, and PromQL at one time or over a range. */
export function registerMetricTools(server: McpServer, ask: AskApi, nowUs: () => number): void {
  const answer = (text: string) => ({ content: [{ type: 'text' as const, text }] })

  server.registerTool(
    'list_metrics',
    {
      description: 'Names of the metrics with samples in this time, with type, unit and help, for query_metrics.',
      inputSchema: z.object({ since, contains: z.string().max(200).optional().describe('part of the name') }),
      annotations: READ_ONLY,
    },
    async (input) => {
      const escaped = (input.contains ?? '').replaceAll(/[\\.+*?^$|(){}[\]]/g, '\\$&')
      const match = escaped ? `{__name__=~${JSON.stringify(`(?i).*${escaped}.*`)}}` : undefined
      const start = startOf(input.since, nowUs()) / 1e6
      const [names, metadata] = await Promise.all([
        ask('/api/v1/label/__name__/values', { start, limit: MOST_NAMES + 1, 'match[]': match }) as Promise<
          Answer<string[]>
        >,
        ask('/api/v1/metadata', {}) as Promise<Answer<Record<string, { type: string; help: string; unit: string }[]>>>,
      ])
      return answer(namesText(names.data, metadata.data))
    },
  )

  server.registerTool(
    'query_metrics',
    {
      description:
        'Runs PromQL. Without `since` at one time (now, or `at`); with it over that time, each series as min, mean, max, last and evenly spaced values.',
      inputSchema: z.object({
        query: z.string().min(1).max(20_000).describe('PromQL, such as sum by (service_name) (rate(x_total[5m]))'),
        since: z
          .string()
          .regex(/^\d{1,4}[smhd]$/)
          .optional()
          .describe('a range that ends at `at`: 15m, 6h, 7d'),
        at: z.iso.datetime({ offset: true }).optional().describe('RFC 3339; now when left out'),
      }),
      annotations: READ_ONLY,
    },
    async ({ query, since: back, at }) => {
      const endUs = at ? Date.parse(at) * 1000 : nowUs()
      if (!back) {
        const { data, ...notes } = (await ask('/api/v1/query', {
          query,
          time: endUs / 1e6,
          limit: MOST_SERIES + 1,
        })) as Answer<QueryData>
        return answer(instantText(data, notes))
      }
      const start = startOf(back, endUs) / 1e6
      const end = endUs / 1e6
      const step = Math.max(LEAST_STEP_S, Math.ceil((end - start) / POINTS))
      const params = { query, start, end, step, limit: MOST_SERIES + 1 }
      const { data, ...notes } = (await ask('/api/v1/query_range', params)) as Answer<QueryData>
      return answer(rangeText(data.result as Series[], { start, end, step }, notes))
    },
  )
}

function namesText(names: string[], metadata: Record<string, { type: string; help: string; unit: string }[]>): string {
  if (names.length === 0) return 'No metric has samples in this time.'
  const text = new BoundedText(MAX_CHARS)
  for (const name of names.slice(0, MOST_NAMES)) {
    // Parts of a histogram or summary are described under its own name.
    const [about] = metadata[name] ?? metadata[name.replace(/_(bucket|sum|count|total)$/, '')] ?? []
    const kind = about ? ` (${[about.type, about.unit].filter(Boolean).join(', ')})` : ''
    text.line(`${oneLine(name, 200)}${kind}${about?.help ? `: ${oneLine(about.help, 160)}` : ''}`)
  }
  if (names.length > MOST_NAMES) text.line(`(more than ${MOST_NAMES}; narrow it with contains)`)
  return text.finish('metrics')
}

function labelsText(metric: Record<string, string>): string {
  const { __name__: name = '', ...labels } = metric
  const pairs = Object.entries(labels).map(
    ([key, value]) => `${oneLine(key, 100)}=${JSON.stringify(oneLine(value, 200))}`,
  )
  return `${name}{${pairs.join(',')}}`
}

const number = (text: string | number): string => {
  const value = Number(text)
  return Number.isFinite(value) ? String(Number(value.toPrecision(5))) : String(text)
}

function addNotes(text: BoundedText, { warnings = [], infos = [] }: Omit<Answer<unknown>, 'data'>): void {
  for (const one of [...warnings, ...infos].slice(0, 10)) text.line(`note: ${oneLine(one, 400)}`)
}

function instantText({ resultType, result }: QueryData, notes: Omit<Answer<unknown>, 'data'>): string {
  const text = new BoundedText(MAX_CHARS)
  addNotes(text, notes)
  if (resultType === 'scalar' || resultType === 'string') {
    text.line(oneLine(String((result as Sample)[1]), 1000))
    return text.finish('lines')
  }
  const series = result as Series[]
  if (series.length === 0) text.line('No series: nothing matches at this time.')
  for (const one of series.slice(0, MOST_SERIES)) {
    if (one.value) text.line(`${labelsText(one.metric)} ${number(one.value[1])}`)
    else if (one.values)
      text.line(`${labelsText(one.metric)} ${one.values.map(([, value]) => number(value)).join(' ')}`)
    else text.line(`${labelsText(one.metric)} a histogram: ask histogram_quantile(0.95, …) or histogram_avg(…) of it`)
  }
  if (series.length > MOST_SERIES) text.line(`(more than ${MOST_SERIES} series; aggregate or use topk)`)
  return text.finish('series')
}

function rangeText(
  series: Series[],
  { start, end, step }: { start: number; end: number; step: number },
  notes: Omit<Answer<unknown>, 'data'>,
): string {
  const text = new BoundedText(MAX_CHARS)
  const iso = (seconds: number): string => new Date(seconds * 1000).toISOString()
  text.line(`${iso(start)} to ${iso(end)}, a value every ${step}s ("-" = none):`)
  addNotes(text, notes)
  if (series.length === 0) text.line('No series: nothing matches in this time.')
  for (const { metric, values } of series.slice(0, MOST_SERIES)) {
    if (!values) {
      text.line(`${labelsText(metric)} histograms: ask histogram_quantile(0.95, …) or histogram_avg(…) of them`)
      continue
    }
    const numbers = values.map(([, value]) => Number(value)).filter(Number.isFinite)
    const mean = numbers.reduce((sum, one) => sum + one, 0) / numbers.length
    const about =
      numbers.length > 0
        ? `min ${number(Math.min(...numbers))}, mean ${number(mean)}, max ${number(Math.max(...numbers))}, last ${number(values.at(-1)?.[1] ?? '')}`
        : 'no finite value'
    const known = new Map(values.map(([seconds, value]) => [Math.round((seconds - start) / step), value]))
    const places = Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, at) => {
      const value = known.get(at)
      return value === undefined ? '-' : number(value)
    })
    text.line(`${labelsText(metric)}: ${about}; ${places.join(' ')}`)
  }
  if (series.length > MOST_SERIES) text.line(`(more than ${MOST_SERIES} series; aggregate or use topk)`)
  return text.finish('series')
}
