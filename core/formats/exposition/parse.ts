import { GlassboxError } from '../../base/errors.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import { SampleBatchBuilder, sortedLabels } from '../../model/sample-batch-builder.ts'
import type { MetricMetadata, MetricType } from '../../model/series.ts'
import { type ExpositionSample, LineReader } from './line-reader.ts'

export interface Exposition {
  samples: ExpositionSample[]
  metadata: MetricMetadata[]
}

const TYPES: Record<string, MetricType> = {
  counter: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
  gaugehistogram: 'gaugehistogram',
  summary: 'summary',
  info: 'info',
  stateset: 'stateset',
  untyped: 'unknown',
  unknown: 'unknown',
}

/**
 * Parses the text exposition format 0.0.4 or OpenMetrics 1.0. A fault fails the whole body, as a scrape must not be
 * taken by halves. `_created` lines of OpenMetrics are start times and no series.
 * @throws GlassboxError `malformed_body` with the line
 */
export function parseExposition(text: string, format: 'text' | 'openmetrics'): Exposition {
  const open = format === 'openmetrics'
  const families = new Map<string, MetricMetadata>()
  const samples: ExpositionSample[] = []
  let ended = false
  let number = 0
  const fail = (why: string): never => {
    throw new GlassboxError('malformed_body', `line ${number}: ${why}`)
  }
  const family = (metric: string): MetricMetadata => {
    let known = families.get(metric)
    if (!known) {
      known = { metric, type: 'unknown', unit: '', help: '' }
      families.set(metric, known)
    }
    return known
  }
  const lines = text.split('\n')
  const last = lines.pop()
  if (last !== '' && last !== undefined) lines.push(last)
  for (const raw of lines) {
    number++
    const line = open ? raw : raw.replace(/\r$/, '')
    if (ended) fail('there is text after # EOF')
    if (open && line === '# EOF') {
      ended = true
      continue
    }
    if (line.trim() === '') {
      if (open) fail('OpenMetrics has no blank lines')
      continue
    }
    const reader = new LineReader(line, fail)
    if (line.trimStart().startsWith('#')) {
      const comment = reader.comment()
      if (!comment) {
        if (open) fail('a comment must be HELP, TYPE, UNIT or EOF')
        continue
      }
      const of = family(comment.metric)
      if (comment.kind === 'HELP') of.help = comment.text
      else if (comment.kind === 'UNIT') of.unit = comment.text
      else of.type = TYPES[comment.text.trim()] ?? fail(`${JSON.stringify(comment.text)} is not a type`)
      continue
    }
    const sample = reader.sample(open)
    const name = sample.labels[0][1]
    const base = name.replace(/_created$/, '')
    const owner = open && base !== name ? families.get(base) : undefined
    if (owner && ['counter', 'histogram', 'summary', 'gaugehistogram'].includes(owner.type)) continue
    samples.push(sample)
  }
  if (open && !ended) {
    number++
    fail('the body does not end in # EOF')
  }
  return { samples, metadata: [...families.values()].map((one) => named(one, open)) }
}

/** OpenMetrics' TYPE line of a counter lacks the `_total` that its series have. */
function named(metadata: MetricMetadata, open: boolean): MetricMetadata {
  if (!open || metadata.type !== 'counter' || metadata.metric.endsWith('_total')) return metadata
  return { ...metadata, metric: `${metadata.metric}_total` }
}

/** Parsed samples as a batch; those without a time get `timeMs`. */
export function samplesOfExposition({ samples, metadata }: Exposition, timeMs: number): DecodedSamples {
  const builder = new SampleBatchBuilder()
  for (const { labels, value, time, exemplar } of samples) {
    const series = builder.series(sortedLabels(labels))
    builder.float(series, time ?? timeMs, value)
    if (exemplar)
      builder.exemplar(series, {
        labels: sortedLabels(exemplar.labels),
        value: exemplar.value,
        time: exemplar.time ?? timeMs,
      })
  }
  for (const one of metadata) builder.metadata(one)
  return { batch: builder.finish(), pointOf: null, points: samples.length, rejected: [], warnings: [], services: [] }
}
