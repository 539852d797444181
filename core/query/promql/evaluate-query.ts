import { GlassboxError } from '../../base/errors.ts'
import type { MetricReader } from '../../storage/metric-store.ts'
import type { EvaluationSettings, PromqlAnswer } from './answer.ts'

export interface QueryText {
  query: string
  start: number
  end: number
  /** 0 for an instant query. */
  step: number
}

/** Parses, loads and evaluates one query on this thread. `flag[0]` other than 0 stops it. */
export async function evaluateQuery(
  text: QueryText,
  _settings: EvaluationSettings,
  _reader: Pick<MetricReader, 'select'>,
  _flag: Int32Array,
): Promise<PromqlAnswer> {
  throw new GlassboxError('promql_failed', `PromQL evaluation is not built yet: ${text.query}`)
}
