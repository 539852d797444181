import { matcherTest } from '../../../model/label-regex.ts'
import type { Labels, Matcher } from '../../../model/series.ts'
import type { CallExpr, Expr } from '../syntax/ast.ts'
import { walk } from '../syntax/ast.ts'
import { labelsText, labelValue, metricName, partKey, withLabel } from './labels.ts'
import { evaluationError, type QueryRun, type Steps } from './query-run.ts'
import { copyStep, NONE, newStepSeries, type SampleSeries, type StepSeries } from './series.ts'

const TARGET_INFO: Matcher = { name: '__name__', op: '=', value: 'target_info' }
const IDENTIFYING = ['instance', 'job']
const IDENTIFYING_NAMES = new Set(IDENTIFYING)

/** The matchers of info()'s second argument, those for the name made to select info metrics. */
function infoMatchers(node: CallExpr): { names: Matcher[]; data: Matcher[] } {
  const selector = node.args[1]
  const all = selector?.kind === 'vector' ? selector.matchers : []
  const names = all.filter((matcher) => matcher.name === '__name__')
  const data = all.filter((matcher) => matcher.name !== '__name__')
  if (names.length === 0) return { names: [TARGET_INFO], data }
  if (names.some((matcher) => matcher.op === '=' || matcher.op === '=~')) return { names, data }
  return { names: [{ name: '__name__', op: '=~', value: '.+_info' }, ...names], data }
}

/** What to load for an info() call. */
export function infoSelection(node: CallExpr): Matcher[] {
  const { names, data } = infoMatchers(node)
  return [...data, ...names]
}

/** `@` and offset of the first selector in info()'s argument: info series are read at the same time. */
export function infoShift(node: CallExpr): { timestamp: number | null; offset: number } {
  let shift: { timestamp: number | null; offset: number } | null = null
  walk(node.args[0], (inner: Expr, path) => {
    if (inner.kind !== 'vector' || shift) return
    let { timestamp } = inner
    let offset = inner.originalOffset
    for (let i = path.length - 1; timestamp === null && i >= 0; i--) {
      const above = path[i]
      if (above.kind !== 'subquery') continue
      offset += above.originalOffset
      timestamp = above.timestamp
    }
    shift = { timestamp, offset }
  })
  return shift ?? { timestamp: null, offset: 0 }
}

interface InfoSeries {
  labels: Labels
  /** Time of the sample that is current at each step; NaN where there is none. */
  times: Float64Array
}

/** Adds the data labels of info metrics (by job and instance) to the series of `base`. */
export function addInfoLabels(
  node: CallExpr,
  base: StepSeries[],
  loaded: SampleSeries[],
  timesOf: (series: SampleSeries) => Float64Array,
  steps: Steps,
  run: QueryRun,
): StepSeries[] {
  const { names, data } = infoMatchers(node)
  const nameTests = names.map(matcherTest)
  const wanted = new Set(data.map((matcher) => matcher.name))
  const emptyAllowed = data.every((matcher) => matcherTest(matcher)(''))
  const infos: InfoSeries[] = loaded.map((series) => ({ labels: series.labels, times: timesOf(series) }))
  const infoNames = [...new Set(infos.map((info) => metricName(info.labels)))]
  const byKey = new Map<string, InfoSeries[]>()
  for (const info of infos) {
    const key = signature(metricName(info.labels), info.labels)
    const list = byKey.get(key)
    if (list) list.push(info)
    else byKey.set(key, [info])
  }
  const outputs: StepSeries[] = []
  for (const series of base) {
    run.check()
    if (nameTests.every((test) => test(metricName(series.labels)))) {
      outputs.push(series)
      continue
    }
    const candidates = hasIdentity(series.labels)
      ? infoNames.map((name) => byKey.get(signature(name, series.labels)) ?? [])
      : []
    const byLabels = new Map<string, StepSeries>()
    for (let step = 0; step < steps.count; step++) {
      if (series.kinds[step] === NONE) continue
      const found = candidates.map((list) => newest(list, step)).filter((info) => info !== null)
      if (found.length === 0 && !emptyAllowed) continue
      const labels = enriched(series.labels, found, wanted)
      const key = labelsText(labels)
      let out = byLabels.get(key)
      if (!out) {
        out = newStepSeries(labels, series.dropName, steps.count)
        byLabels.set(key, out)
      }
      copyStep(series, out, step)
    }
    outputs.push(...byLabels.values())
  }
  return outputs
}

const hasIdentity = (labels: Labels): boolean => IDENTIFYING.some((name) => labelValue(labels, name) !== '')

const signature = (name: string, labels: Labels): string => `${name} ${partKey(labels, IDENTIFYING_NAMES, false)}`

/** Of several info series for one identity the one with the newest sample counts. */
function newest(list: InfoSeries[], step: number): InfoSeries | null {
  let best: InfoSeries | null = null
  for (const info of list) {
    const time = info.times[step]
    if (Number.isNaN(time)) continue
    const bestTime = best?.times[step] ?? Number.NEGATIVE_INFINITY
    if (best && time === bestTime)
      throw evaluationError(
        `found duplicate series for info metric: existing ${labelsText(best.labels)} @ ${bestTime}, new ${labelsText(info.labels)} @ ${time}`,
      )
    if (time > bestTime) best = info
  }
  return best
}

function enriched(labels: Labels, infos: InfoSeries[], wanted: ReadonlySet<string>): Labels {
  const added = new Map<string, string>()
  for (const info of infos)
    for (const [name, value] of info.labels) {
      if (name === '__name__' || (wanted.size > 0 && !wanted.has(name))) continue
      const known = added.get(name)
      if (known !== undefined && known !== value) throw evaluationError(`conflicting label: ${name}`)
      if (labelValue(labels, name) === '') added.set(name, value)
    }
  let result = labels
  for (const [name, value] of added) result = withLabel(result, name, value)
  return result
}
