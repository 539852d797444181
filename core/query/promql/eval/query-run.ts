import { GlassboxError } from '../../../base/errors.ts'
import type { EvaluationSettings } from '../answer.ts'
import { stopError } from '../stop-sign.ts'
import type { Expr } from '../syntax/ast.ts'
import { Annotations } from './annotations.ts'
import type { SampleSeries } from './series.ts'

/** A fault of evaluation, told as it stands. */
export function evaluationError(text: string): GlassboxError {
  return new GlassboxError('promql_failed', text)
}

/** What all nodes of one running query share: its limits, its stop sign, its notes, and the series it has loaded. */
export class QueryRun {
  readonly settings: EvaluationSettings
  readonly notes = new Annotations()
  /** Series of each vector selector (and of the info() calls), loaded before evaluation. */
  readonly loaded = new Map<Expr, SampleSeries[]>()
  /** Selectors whose values say how many samples each stands for (SelectResult.counted). */
  readonly counted = new Set<Expr>()
  /** Samples that are held right now. */
  samples = 0
  readonly #flag: Int32Array

  constructor(settings: EvaluationSettings, flag: Int32Array) {
    this.settings = settings
    this.#flag = flag
  }

  get delayedNames(): boolean {
    return this.settings.features.delayedNameRemoval
  }

  /** @throws GlassboxError `query_cancelled` or `query_timeout` */
  check(): void {
    const sign = Atomics.load(this.#flag, 0)
    if (sign !== 0) throw stopError(sign)
  }

  /** @throws GlassboxError `query_too_large` */
  hold(samples: number): void {
    this.samples += samples
    const { maxSamples } = this.settings.limits
    if (this.samples > maxSamples)
      throw new GlassboxError(
        'query_too_large',
        'query processing would load too many samples into memory in query execution',
        `At most ${maxSamples} samples are held at once: narrow the time range, add a matcher or take a larger step.`,
      )
  }
}

/** The steps of one evaluator; a subquery has its own. */
export interface Steps {
  /** ms */
  start: number
  end: number
  step: number
  count: number
}

export function makeSteps(start: number, end: number, step: number): Steps {
  return { start, end, step, count: end < start ? 0 : Math.floor((end - start) / step) + 1 }
}
