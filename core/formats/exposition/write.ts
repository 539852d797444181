import type { MetricFamily } from '../../model/metric-family.ts'
import { type MetricType, SampleKind } from '../../model/series.ts'

const TYPES: Partial<Record<MetricType, string>> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  summary: 'summary',
}

/** What is said of a family before its first sample. */
export function expositionHead({ metric, type, help }: MetricFamily): string {
  const text = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return `${text === '' ? '' : `# HELP ${metric} ${text}\n`}# TYPE ${metric} ${TYPES[type] ?? 'untyped'}\n`
}

/** Prometheus' text form with times in ms; names and labels as they are stored. Stale markers and native histograms have no form. */
export function expositionSamples({ series }: MetricFamily): { text: string; leftOut: number } {
  let text = ''
  let leftOut = 0
  for (const { labels, times, values, kinds } of series) {
    const name = labels.find(([label]) => label === '__name__')?.[1] ?? ''
    const pairs = labels
      .filter(([label]) => label !== '__name__')
      .map(([label, value]) => `${label}="${escaped(value)}"`)
    const head = pairs.length > 0 ? `${name}{${pairs.join(',')}}` : name
    times.forEach((time, i) => {
      const kind = kinds?.[i] ?? SampleKind.float
      if (kind === SampleKind.histogram) leftOut++
      else if (kind === SampleKind.float) text += `${head} ${number(values[i])} ${time}\n`
    })
  }
  return { text, leftOut }
}

const escaped = (value: string): string => value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf'
}
