import { GlassboxError } from '../base/errors.ts'
import { matcherTest } from '../model/label-regex.ts'
import { FAMILY_SUFFIXES, type MetricFamily } from '../model/metric-family.ts'
import type { Matcher, MetricMetadata } from '../model/series.ts'
import { parseSelector } from '../query/promql/syntax/parser.ts'
import type { MetricReader, SelectResult } from '../storage/metric-store.ts'
import type { QueryContext } from '../storage/store.ts'

/** Samples that are read and encoded together, about. */
const SAMPLES_AT_ONCE = 50_000
/** What a moment of one family may have; more is refused. */
const MOST_AT_ONCE = 5_000_000
const LEAST_MS = 1000
const MOST_NAMES = 100_000

export type ExportedMetrics = Pick<MetricReader, 'select' | 'labelValues' | 'metadata'>

/** A PromQL selector such as `up` or `{job="shop"}`. @throws GlassboxError `bad_request` */
export function selectorMatchers(selector: string): Matcher[] {
  try {
    const matchers = parseSelector(selector)
    if (matchers.some((matcher) => !matcherTest(matcher)(''))) return matchers
  } catch (error) {
    if (!(error instanceof GlassboxError)) throw error
  }
  throw new GlassboxError('bad_request', `q: ${selector} is not a selector of series`, 'Such as up or {job="shop"}.')
}

/**
 * The families that a selector finds, by name, each piece by piece in time.
 * @param range µs, end exclusive
 * @yields a piece with how much of all families is done, 0 to 1
 */
export async function* metricFamilies(
  metrics: ExportedMetrics,
  { selector, start, end }: { selector: string; start: number; end: number },
  context: QueryContext,
): AsyncGenerator<{ family: MetricFamily; share: number }> {
  const matchers = selectorMatchers(selector)
  const range = { start: Math.floor(start / 1000), end: Math.ceil(end / 1000) - 1 }
  if (range.end < range.start) return
  const names = await metrics.labelValues('__name__', [matchers], range, MOST_NAMES, context)
  const families = groupNames(names, await metrics.metadata(null, MOST_NAMES, context))
  const rest = matchers.filter(({ name }) => name !== '__name__')
  let done = 0
  for (const { about, members } of families) {
    const wanted: Matcher = { name: '__name__', op: '=~', value: members.map(escaped).join('|') }
    let length = range.end - range.start + 1
    for (let from = range.start; from <= range.end; ) {
      const to = Math.min(range.end, from + length - 1)
      const found = await selectOrNull(
        metrics,
        { matchers: [wanted, ...rest], start: from, end: to },
        length <= LEAST_MS,
        context,
      )
      if (!found) {
        length = Math.max(LEAST_MS, Math.ceil(length / 2))
        continue
      }
      const series = found.series.filter(({ times }) => times.length > 0)
      from = to + 1
      const share = (done + (from - range.start) / (range.end - range.start + 1)) / families.length
      if (series.length > 0) yield { family: { ...about, series }, share }
      if (series.reduce((sum, { times }) => sum + times.length, 0) < SAMPLES_AT_ONCE / 4) length *= 2
    }
    done++
  }
}

async function selectOrNull(
  metrics: ExportedMetrics,
  query: { matchers: Matcher[]; start: number; end: number },
  least: boolean,
  context: QueryContext,
): Promise<SelectResult | null> {
  try {
    const maxSamples = least ? MOST_AT_ONCE : SAMPLES_AT_ONCE
    return await metrics.select({ ...query, step: 0, func: null, maxSamples }, context)
  } catch (error) {
    if (!least && error instanceof GlassboxError && error.code === 'query_too_large') return null
    throw error
  }
}

const escaped = (name: string): string => name.replaceAll(/[\\.+*?^$|(){}[\]]/g, '\\$&')

/** Names of series as families, by what was said of them when they came; others stand for themselves. */
function groupNames(
  names: readonly string[],
  metadata: readonly MetricMetadata[],
): { about: MetricMetadata; members: string[] }[] {
  const known = new Map(metadata.map((one) => [one.metric, one]))
  const families = new Map<string, { about: MetricMetadata; members: string[] }>()
  for (const name of [...names].sort()) {
    const about = aboutOf(name, known)
    const family = families.get(about.metric) ?? { about, members: [] }
    families.set(about.metric, family)
    family.members.push(name)
  }
  return [...families.values()]
}

function aboutOf(name: string, known: ReadonlyMap<string, MetricMetadata>): MetricMetadata {
  const own = known.get(name)
  if (own) return own
  const suffix = /_(?:bucket|sum|count)$/.exec(name)?.[0]
  const base = suffix === undefined ? undefined : known.get(name.slice(0, -suffix.length))
  if (suffix !== undefined && base && FAMILY_SUFFIXES[base.type]?.includes(suffix)) return base
  // OpenMetrics names counters without their ending.
  const counter = name.endsWith('_total') ? known.get(name.slice(0, -'_total'.length)) : undefined
  if (counter?.type === 'counter') return { ...counter, metric: name }
  return { metric: name, type: 'unknown', unit: '', help: '' }
}
