import { GlassboxError } from '../../../base/errors.ts'
import type { Matcher } from '../../../model/series.ts'
import type { MetricReader, SelectResult } from '../../../storage/metric-store.ts'
import { type Expr, walk } from '../syntax/ast.ts'
import { infoSelection, infoShift } from './info.ts'
import { type QueryTimes, selectorTimes, subqueryShift } from './prepare.ts'
import type { QueryRun } from './query-run.ts'
import { fromStored, type SampleSeries } from './series.ts'

interface Wanted {
  node: Expr
  matchers: Matcher[]
  start: number
  end: number
  step: number
  func: string | null
  statsOnly: boolean
}

/**
 * Loads the series of every selector, each distinct selection once. Afterwards evaluation never waits.
 * @returns whether 5-minute aggregates stood in for samples, and how many samples were read
 * @throws GlassboxError `query_too_large`, and what the reader throws
 */
export async function loadSeries(
  expr: Expr,
  times: QueryTimes,
  run: QueryRun,
  reader: Pick<MetricReader, 'select'>,
): Promise<{ downsampled: boolean; samplesRead: number; damagedBlocks: number }> {
  const selections = new Map<string, Promise<SelectResult>>()
  const converted = new Map<string, SampleSeries[]>()
  const { maxSamples, maxSeries } = run.settings.limits
  const wanted = collect(expr, times, run)
  let downsampled = false
  let samplesRead = 0
  let damagedBlocks = 0
  let seriesRead = 0
  for (const { node, statsOnly, ...query } of wanted) {
    run.check()
    const key = JSON.stringify(query)
    let selection = selections.get(key)
    if (!selection) {
      selection = reader.select({ ...query, maxSamples: maxSamples - run.samples })
      selections.set(key, selection)
      const result = await selection
      downsampled ||= result.downsampled
      damagedBlocks += result.damagedBlocks ?? 0
      seriesRead += result.series.length
      if (seriesRead > maxSeries)
        throw new GlassboxError(
          'query_too_large',
          `The query reads more than ${maxSeries} series.`,
          'Add a matcher that selects fewer series.',
        )
      const count = result.series.reduce((all, series) => all + series.times.length, 0)
      samplesRead += count
      run.hold(count)
    }
    const seriesKey = `${statsOnly} ${key}`
    let series = converted.get(seriesKey)
    if (!series) {
      series = (await selection).series.map((stored) => fromStored(stored, statsOnly))
      converted.set(seriesKey, series)
    }
    run.loaded.set(node, series)
    if ((await selection).counted) run.counted.add(node)
  }
  return { downsampled, samplesRead, damagedBlocks }
}

function collect(expr: Expr, times: QueryTimes, run: QueryRun): Wanted[] {
  const { lookbackMs, subqueryStepMs } = run.settings
  const wanted: Wanted[] = []
  walk(expr, (node, path) => {
    const isInfo = node.kind === 'call' && node.func.name === 'info'
    if (node.kind !== 'vector' && !isInfo) return
    const above = path.at(-1)
    // The second argument of info() only names labels.
    if (above?.kind === 'call' && above.func.name === 'info' && above.args[1] === node) return
    const subquery = path.findLast((one) => one.kind === 'subquery')
    const step = subquery ? subquery.step || subqueryStepMs : times.step
    if (node.kind === 'vector') {
      const { start, end } = selectorTimes(node, path, times, lookbackMs)
      const { matchers, statsOnly } = node
      wanted.push({ node, matchers, start, end, step, func: functionAround(path), statsOnly })
    } else if (node.kind === 'call') {
      const around = subqueryShift(path)
      const shift = infoShift(node)
      let start = shift.timestamp ?? (around.timestamp ?? times.start) - around.offset - around.range
      let end = shift.timestamp ?? (around.timestamp ?? times.end) - around.offset
      start -= shift.offset + lookbackMs - 1
      end -= shift.offset
      wanted.push({ node, matchers: infoSelection(node), start, end, step, func: 'info', statsOnly: false })
    }
  })
  return wanted
}

/** The function or aggregation that the samples go into, unless arithmetic stands between. */
function functionAround(path: readonly Expr[]): string | null {
  for (let i = path.length - 1; i >= 0; i--) {
    const node = path[i]
    if (node.kind === 'call') return node.func.name
    if (node.kind === 'aggregate') return node.op
    // Its steps are looked at one by one; the function around it sees only what they give.
    if (node.kind === 'subquery') return null
    if (node.kind === 'binary') return null
  }
  return null
}
