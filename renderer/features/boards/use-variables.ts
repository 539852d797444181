import { computed, onBeforeUnmount, type Ref, shallowReactive, watch } from 'vue'
import type { BoardVariable } from '../../../core/model/board.ts'
import { isAbort, toProblem } from '../../api/client.ts'
import { prometheus } from '../../api/prometheus.ts'
import { labelsText, readNumber } from '../metrics/derive/matrix.ts'
import { type BoardTimes, interpolate, usedVariables, type VariableValue } from './derive/interpolate.ts'
import { ALL, applyRegex, chosenValues, listedValues, readValuesQuery } from './derive/variable-query.ts'

/** Values offered of one variable at most. */
const MOST_VALUES = 1000

export interface VariableState {
  options: string[]
  loading: boolean
  problem: string
  /** There were more than MOST_VALUES. */
  cut: boolean
}

const plain = (options: string[]): VariableState => ({ options, loading: false, problem: '', cut: false })

/**
 * Every variable with its choices. A variable whose query uses others is asked for again when those change; without an
 * answer its saved values stand.
 */
export function useVariables(
  variables: Readonly<Ref<readonly BoardVariable[]>>,
  asked: (name: string) => string[],
  times: Readonly<Ref<BoardTimes>>,
) {
  const states = shallowReactive(new Map<string, VariableState>())
  const askedQueries = new Map<string, string>()
  const running = new Map<string, AbortController>()

  const chosen = computed(() => {
    const found = new Map<string, string[]>()
    for (const one of variables.value)
      found.set(one.name, chosenValues(one, asked(one.name), states.get(one.name)?.options ?? []))
    return found
  })
  const values = computed(() => {
    const found = new Map<string, VariableValue>()
    for (const one of variables.value) {
      const own = chosen.value.get(one.name) ?? []
      const all = own.includes(ALL)
      found.set(one.name, {
        values: all ? (states.get(one.name)?.options ?? []) : own,
        all,
        allValue: one.allValue,
        many: one.multi || one.includeAll,
      })
    }
    return found
  })
  /** All choices are there, so that queries run once and with the right values. */
  const ready = computed(() =>
    variables.value.every((one) => {
      const state = states.get(one.name)
      return state !== undefined && !state.loading
    }),
  )

  async function ask(one: BoardVariable, query: string): Promise<void> {
    running.get(one.name)?.abort()
    const own = new AbortController()
    running.set(one.name, own)
    states.set(one.name, { ...(states.get(one.name) ?? plain([])), loading: true })
    try {
      const { list, cut } = await valuesOf(query, times.value, own.signal)
      states.set(one.name, { options: applyRegex(list, one.regex), loading: false, problem: '', cut })
    } catch (error) {
      if (isAbort(error)) return
      states.set(one.name, { ...plain(one.value.filter((value) => value !== ALL)), problem: toProblem(error).detail })
    }
  }

  function refresh(): void {
    for (const name of states.keys()) {
      if (variables.value.some((one) => one.name === name)) continue
      running.get(name)?.abort()
      states.delete(name)
      askedQueries.delete(name)
    }
    for (const one of variables.value) {
      if (one.kind !== 'query') {
        const key = JSON.stringify(one)
        if (askedQueries.get(one.name) === key) continue
        askedQueries.set(one.name, key)
        states.set(one.name, plain(one.kind === 'constant' || one.kind === 'text' ? [] : listedValues(one)))
        continue
      }
      const waits = usedVariables(one.query).some((name) => states.get(name)?.loading)
      if (waits) continue
      const { text } = interpolate(one.query, values.value, times.value)
      const key = JSON.stringify([text, one.regex])
      if (askedQueries.get(one.name) === key) continue
      askedQueries.set(one.name, key)
      void ask(one, text)
    }
  }
  watch([variables, values], refresh, { immediate: true })
  onBeforeUnmount(() => {
    for (const one of running.values()) one.abort()
  })
  return { states, chosen, values, ready }
}

async function valuesOf(
  query: string,
  { end }: BoardTimes,
  signal: AbortSignal,
): Promise<{ list: string[]; cut: boolean }> {
  const wanted = readValuesQuery(query)
  if (!wanted) throw new Error(query)
  if (wanted.kind === 'queryResult') {
    const { data } = await prometheus.query(wanted.expr, end, MOST_VALUES, signal)
    if (data.resultType !== 'vector') return { list: [], cut: false }
    const list = data.result.map(({ metric, value }) => `${labelsText(metric)} ${value ? readNumber(value[1]) : ''}`)
    return { list, cut: list.length >= MOST_VALUES }
  }
  const answer =
    wanted.kind === 'labelNames'
      ? await prometheus.labelNames(wanted.selector ? [wanted.selector] : [], MOST_VALUES, signal)
      : wanted.kind === 'metrics'
        ? await prometheus.labelValues(
            '__name__',
            `{__name__=~${JSON.stringify(wanted.pattern || '.+')}}`,
            MOST_VALUES,
            signal,
          )
        : await prometheus.labelValues(wanted.label, wanted.selector, MOST_VALUES, signal)
  return { list: answer.data, cut: (answer.warnings ?? []).length > 0 }
}
