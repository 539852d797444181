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

/** Reads an exposition line by line: samples as they come, what is said of families along the way. */
export class ExpositionReader {
  #open: boolean
  #families = new Map<string, MetricMetadata>()
  #ended = false
  #number = 0

  constructor(format: 'text' | 'openmetrics') {
    this.#open = format === 'openmetrics'
  }

  /** The line read last, from 1. */
  get line(): number {
    return this.#number
  }

  get metadata(): MetricMetadata[] {
    return [...this.#families.values()].map((one) => named(one, this.#open))
  }

  readonly #fail = (why: string): never => {
    throw new GlassboxError('malformed_body', `line ${this.#number}: ${why}`)
  }

  #family(metric: string): MetricMetadata {
    let known = this.#families.get(metric)
    if (!known) {
      known = { metric, type: 'unknown', unit: '', help: '' }
      this.#families.set(metric, known)
    }
    return known
  }

  /** The sample of a line, null when it has none. @throws GlassboxError `malformed_body` with the line; later ones can be read */
  take(raw: string): ExpositionSample | null {
    const open = this.#open
    this.#number++
    const line = open ? raw : raw.replace(/\r$/, '')
    if (this.#ended) this.#fail('there is text after # EOF')
    if (open && line === '# EOF') {
      this.#ended = true
      return null
    }
    if (line.trim() === '') return open ? this.#fail('OpenMetrics has no blank lines') : null
    const reader = new LineReader(line, this.#fail)
    if (line.trimStart().startsWith('#')) {
      const comment = reader.comment()
      if (!comment) return open ? this.#fail('a comment must be HELP, TYPE, UNIT or EOF') : null
      const of = this.#family(comment.metric)
      if (comment.kind === 'HELP') of.help = comment.text
      else if (comment.kind === 'UNIT') of.unit = comment.text
      else of.type = TYPES[comment.text.trim()] ?? this.#fail(`${JSON.stringify(comment.text)} is not a type`)
      return null
    }
    const sample = reader.sample(open)
    const name = sample.labels[0][1]
    const base = name.replace(/_created$/, '')
    const owner = open && base !== name ? this.#families.get(base) : undefined
    const created = owner && ['counter', 'histogram', 'summary', 'gaugehistogram'].includes(owner.type)
    return created ? null : sample
  }

  /** @throws GlassboxError `malformed_body` when OpenMetrics was cut before its end */
  end(): void {
    if (!this.#open || this.#ended) return
    this.#number++
    this.#fail('the body does not end in # EOF')
  }
}

/**
 * Parses the text exposition format 0.0.4 or OpenMetrics 1.0. A fault fails the whole body, as a scrape must not be
 * taken by halves. `_created` lines of OpenMetrics are start times and no series.
 * @throws GlassboxError `malformed_body` with the line
 */
export function parseExposition(text: string, format: 'text' | 'openmetrics'): Exposition {
  const reader = new ExpositionReader(format)
  const samples: ExpositionSample[] = []
  const lines = text.split('\n')
  const last = lines.pop()
  if (last !== '' && last !== undefined) lines.push(last)
  for (const line of lines) {
    const sample = reader.take(line)
    if (sample) samples.push(sample)
  }
  reader.end()
  return { samples, metadata: reader.metadata }
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
