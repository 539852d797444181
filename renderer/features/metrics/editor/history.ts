import { useLocalStorage } from '@vueuse/core'

const MOST = 50
const kept = useLocalStorage<string[]>('glassbox.metrics.history', [])

/** Expressions that were run, the newest last; kept in this browser. */
export function rememberExpression(expr: string): void {
  const text = expr.trim()
  if (text === '' || kept.value.at(-1) === text) return
  kept.value = [...kept.value.filter((one) => one !== text), text].slice(-MOST)
}

/**
 * The expression before (`-1`) or after (`1`) the one shown. Only an empty editor, or one that shows an expression of
 * the history unchanged, is in the history at all; the newest is followed by the empty text.
 */
export function recallExpression(direction: -1 | 1, shown: string): string | null {
  const place = shown.trim() === '' ? kept.value.length : kept.value.lastIndexOf(shown.trim())
  if (place < 0) return null
  const next = place + direction
  if (next < 0 || next > kept.value.length || (direction === 1 && place === kept.value.length)) return null
  return kept.value[next] ?? ''
}
