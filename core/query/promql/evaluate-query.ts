import { GlassboxError } from '../../base/errors.ts'
import type { ValueType } from '../../model/promql-functions.ts'
import type { Labels } from '../../model/series.ts'
import type { MetricReader } from '../../storage/metric-store.ts'
import type { EvaluationSettings, MatrixSeries, PromqlAnswer, PromqlValue } from './answer.ts'
import { Evaluator, stringOf } from './eval/evaluator.ts'
import { compareLabels } from './eval/labels.ts'
import { loadSeries } from './eval/load.ts'
import { dropDelayedNames, SAME_LABELS } from './eval/output.ts'
import { prepare } from './eval/prepare.ts'
import { evaluationError, makeSteps, QueryRun } from './eval/query-run.ts'
import { rangeVector } from './eval/range-vector.ts'
import { FLOAT, HISTOGRAM, NONE, type StepSeries } from './eval/series.ts'
import { type FloatHistogram, toModel } from './histogram/float-histogram.ts'
import { type Expr, typeOf } from './syntax/ast.ts'
import { parsePromql } from './syntax/parser.ts'
import { parseError } from './syntax/text.ts'

export interface QueryText {
  query: string
  start: number
  end: number
  /** 0 for an instant query. */
  step: number
}

/**
 * Parses, loads and evaluates one query on this thread. `flag[0]` other than 0 stops it (see stop-sign.ts).
 * @throws GlassboxError as PromqlEngine says
 */
export async function evaluateQuery(
  text: QueryText,
  settings: EvaluationSettings,
  reader: Pick<MetricReader, 'select'>,
  flag: Int32Array,
): Promise<PromqlAnswer> {
  const { query, start, end, step } = text
  const parsed = parsePromql(query, settings.features)
  const type = typeOf(parsed)
  const instant = step === 0
  checkRange(text, type, settings)
  const run = new QueryRun(settings, flag)
  const expr = prepare(parsed, { start, end, step })
  const { downsampled, samplesRead, damagedBlocks } = await loadSeries(expr, { start, end, step }, run, reader)
  const evaluator = new Evaluator(run, instant ? { start, end: start, step: 1, count: 1 } : makeSteps(start, end, step))
  const value = answerValue(evaluator, expr, type, instant)
  const { warnings, infos } = run.notes.texts(query)
  if (damagedBlocks > 0) warnings.push(`${damagedBlocks} damaged blocks of samples are left out; look at the disk`)
  return { value, warnings, infos, samplesRead, downsampled }
}

function checkRange({ query, start, end, step }: QueryText, type: ValueType, settings: EvaluationSettings): void {
  if (step === 0) return
  if (step < 0)
    throw new GlassboxError(
      'bad_request',
      'zero or negative query resolution step widths are not accepted. Try a positive integer',
    )
  if (end < start) throw new GlassboxError('bad_request', 'end timestamp must not be before start time')
  if (type !== 'vector' && type !== 'scalar') {
    const shown = type === 'matrix' ? 'range vector' : type
    throw new GlassboxError(
      'bad_promql',
      `invalid expression type "${shown}" for range query, must be Scalar or instant Vector`,
    )
  }
  const { maxPoints } = settings.limits
  if ((end - start) / step > maxPoints)
    throw new GlassboxError(
      'bad_request',
      `exceeded maximum resolution of ${maxPoints.toLocaleString('en-US')} points per timeseries. Try decreasing the query resolution (?step=XX)`,
    )
  if (query === '') throw parseError(query, 0, 'no expression found in input')
}

function answerValue(evaluator: Evaluator, expr: Expr, type: ValueType, instant: boolean): PromqlValue {
  const { steps } = evaluator
  const time = steps.start
  if (type === 'string') return { type: 'string', time, value: stringOf(expr) }
  if (type === 'matrix') return { type: 'matrix', series: sorted(rangeVector(evaluator, expr)) }
  let series = evaluator.eval(expr)
  if (evaluator.run.delayedNames) series = dropDelayedNames(series)
  if (!instant) return { type: 'matrix', series: sorted(series.map((one) => compress(one, steps.start, steps.step))) }
  if (type === 'scalar') return { type: 'scalar', time, value: series[0].values[0] }
  return {
    type: 'vector',
    samples: series
      .filter((one) => one.kinds[0] !== NONE)
      .map((one) => ({
        labels: one.labels,
        time,
        value: one.kinds[0] === FLOAT ? one.values[0] : Number.NaN,
        histogram: one.kinds[0] === HISTOGRAM ? toModel((one.histograms as FloatHistogram[])[0]) : null,
      })),
  }
}

function sorted(series: MatrixSeries[]): MatrixSeries[] {
  series.sort((a, b) => compareLabels(a.labels, b.labels))
  for (let i = 1; i < series.length; i++)
    if (sameLabels(series[i - 1].labels, series[i].labels)) throw evaluationError(SAME_LABELS)
  return series
}

const sameLabels = (a: Labels, b: Labels): boolean => compareLabels(a, b) === 0

/** Only the steps that have a sample. */
function compress(series: StepSeries, start: number, step: number): MatrixSeries {
  const { kinds, values, histograms } = series
  let count = 0
  for (let i = 0; i < kinds.length; i++) if (kinds[i] !== NONE) count++
  const out: MatrixSeries = {
    labels: series.labels,
    times: new Float64Array(count),
    values: new Float64Array(count),
    histograms: histograms ? new Array(count).fill(null) : null,
  }
  let at = 0
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] === NONE) continue
    out.times[at] = start + i * step
    out.values[at] = kinds[i] === FLOAT ? values[i] : Number.NaN
    if (kinds[i] === HISTOGRAM && out.histograms) out.histograms[at] = toModel((histograms as FloatHistogram[])[i])
    at++
  }
  return out
}
