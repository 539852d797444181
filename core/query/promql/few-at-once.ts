import type { PromqlEngine } from './engine.ts'

export type Evaluate = Pick<PromqlEngine, 'instant' | 'range'>

/** The engine for one asker with many queries: at most `most` of them wait or run at a time, so that others get their turn. */
export function fewAtOnce(promql: Evaluate, most: number): Evaluate {
  let running = 0
  const waiting: (() => void)[] = []
  const inTurn = async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running++
    try {
      return await work()
    } finally {
      // A place is handed over, so that nobody slips in between.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
  return {
    instant: (...asked) => inTurn(() => promql.instant(...asked)),
    range: (...asked) => inTurn(() => promql.range(...asked)),
  }
}
