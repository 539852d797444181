import type { Problem } from '../../../../core/api/contract/shapes.ts'

/** Where in the text something is, as offsets from its start. */
export interface Place {
  from: number
  to: number
}

/** What the engine said: its words without the position, and the place they mean; null when it names none. */
export interface EngineWords {
  text: string
  place: Place | null
  line: number
  column: number
}

/** The offset of 1-based line and column; the end of the text when it lies beyond. */
function offsetOf(expr: string, line: number, column: number): number {
  const lines = expr.split('\n')
  const before = lines.slice(0, line - 1).reduce((sum, text) => sum + text.length + 1, 0)
  return Math.min(expr.length, before + Math.min(column - 1, lines[line - 1]?.length ?? 0))
}

/** The word at an offset, or the one character there; at the end of the text its last character. */
function wordAt(expr: string, offset: number): Place {
  const from = Math.max(0, Math.min(offset, expr.length - 1))
  const word = /^[\w:.]+/.exec(expr.slice(from))?.[0] ?? expr.slice(from, from + 1)
  return { from, to: Math.min(expr.length, from + Math.max(1, word.length)) }
}

/** Reads `1:12: parse error: …` and `… (1:12)`: errors carry their position in front, warnings and infos behind. */
export function engineWords(expr: string, said: string): EngineWords {
  const front = /^(?:invalid parameter "query": )?(\d+):(\d+): (?:parse error: )?([\s\S]*)$/.exec(said)
  const back = /^([\s\S]*?)\s*\((\d+):(\d+)\)$/.exec(said)
  const [line, column, text] = front
    ? [Number(front[1]), Number(front[2]), front[3]]
    : back
      ? [Number(back[2]), Number(back[3]), back[1]]
      : [0, 0, said]
  const place = line > 0 && expr !== '' ? wordAt(expr, offsetOf(expr, line, column)) : null
  return { text: text.replace(/^PromQL (warning|info): /, ''), place, line, column }
}

/** Which advice fits an error of a query; the message key's last part. */
export function adviceFor(problem: Problem, words: EngineWords): string {
  const text = words.text.toLowerCase()
  if (problem.code === 'query_too_large') return 'narrow'
  if (problem.code === 'query_timeout') return 'timeout'
  if (problem.code === 'unreachable') return 'unreachable'
  if (/maximum resolution/.test(text)) return 'resolution'
  if (/expected type range vector/.test(text)) return 'needsRange'
  if (/expected type instant vector/.test(text)) return 'needsInstant'
  if (/range.*must be|ranges only allowed|no range|invalid expression type "range vector"/.test(text))
    return 'rangeAlone'
  if (/unknown function/.test(text)) return 'unknownFunction'
  if (/unclosed|unexpected end|unterminated/.test(text)) return 'unclosed'
  if (/at least one non-empty matcher|vector selector must contain/.test(text)) return 'emptySelector'
  if (/many-to-many|matching labels must be unique|duplicate series|multiple matches/.test(text)) return 'matching'
  if (/duration/.test(text)) return 'duration'
  return problem.code === 'bad_promql' ? 'syntax' : ''
}
