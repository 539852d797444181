import { onBeforeUnmount, type Ref, shallowReactive, watch } from 'vue'
import type { Problem } from '../../../core/api/contract/shapes.ts'
import { isAbort, toProblem } from '../../api/client.ts'
import { prometheus } from '../../api/prometheus.ts'
import type { QuerySpec } from './derive/address.ts'
import { type ResultSeries, readResult } from './derive/matrix.ts'
import { alignedRange } from './derive/step.ts'

/** Series asked for at most; of more the answer says so. */
const MOST_ASKED = 2000

/** What one query gave. The old result stays while a new one loads. */
export interface QueryState {
  /** The expression and times of `series`; empty before the first answer. */
  ran: string
  expr: string
  resultType: 'vector' | 'matrix' | 'scalar' | 'string' | null
  series: ResultSeries[]
  /** The result of an expression that is a text. */
  text: string
  warnings: string[]
  infos: string[]
  problem: Problem | null
  loading: boolean
  /** ms from request to answer. */
  took: number | null
  /** There were more series than MOST_ASKED. */
  cut: boolean
}

export interface Asked {
  start: number
  end: number
  /** Seconds; 0 asks for the one moment `end`. */
  step: number
}

const blank = (): QueryState => ({
  ran: '',
  expr: '',
  resultType: null,
  series: [],
  text: '',
  warnings: [],
  infos: [],
  problem: null,
  loading: false,
  took: null,
  cut: false,
})

const CUT = 'results truncated due to limit'

/** Runs every query that is shown, one request each, again when its text or the times change. */
export function useQueries(specs: Readonly<Ref<QuerySpec[]>>, asked: Readonly<Ref<Asked>>) {
  const states = shallowReactive<QueryState[]>([])
  const running: (AbortController | null)[] = []
  const put = (index: number, change: Partial<QueryState>): void => {
    states[index] = { ...(states[index] ?? blank()), ...change }
  }

  async function run(index: number, expr: string, key: string, { start, end, step }: Asked): Promise<void> {
    running[index]?.abort()
    const own = new AbortController()
    running[index] = own
    put(index, { loading: true, ...(states[index]?.expr === expr ? {} : { problem: null }) })
    const began = performance.now()
    try {
      const answer =
        step > 0
          ? await prometheus.queryRange(expr, alignedRange(start, end, step), MOST_ASKED, own.signal)
          : await prometheus.query(expr, end, MOST_ASKED, own.signal)
      if (running[index] !== own) return
      const { data } = answer
      put(index, {
        ran: key,
        expr,
        resultType: data.resultType,
        series: readResult(data),
        text: data.resultType === 'string' ? data.result[1] : '',
        warnings: (answer.warnings ?? []).filter((one) => one !== CUT),
        cut: (answer.warnings ?? []).includes(CUT),
        infos: answer.infos ?? [],
        problem: null,
        took: performance.now() - began,
      })
    } catch (error) {
      if (isAbort(error) || running[index] !== own) return
      put(index, {
        ran: key,
        expr,
        series: [],
        resultType: null,
        warnings: [],
        infos: [],
        problem: toProblem(error),
        took: null,
      })
    } finally {
      if (running[index] === own) {
        running[index] = null
        put(index, { loading: false })
      }
    }
  }

  function refresh(force: boolean): void {
    for (let index = specs.value.length; index < states.length; index++) running[index]?.abort()
    states.length = Math.min(states.length, specs.value.length)
    specs.value.forEach(({ expr, hidden }, index) => {
      if (expr.trim() === '') {
        running[index]?.abort()
        states[index] = blank()
        return
      }
      const key = JSON.stringify([expr, asked.value])
      if (hidden) {
        put(index, { expr })
        return
      }
      if (!force && states[index]?.ran === key) return
      void run(index, expr, key, asked.value)
    })
  }

  watch([specs, asked], () => refresh(false), { immediate: true })
  onBeforeUnmount(() => {
    for (const one of running) one?.abort()
  })
  return {
    states,
    /** Runs all again, also what has not changed. */
    rerun: () => refresh(true),
    cancel(index: number): void {
      running[index]?.abort()
      running[index] = null
      put(index, { loading: false })
    },
  }
}
