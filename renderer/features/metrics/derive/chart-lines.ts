import { type ChartSeries, withGaps } from '../../../ui/chart/series.ts'
import { type ResultLine, stackValues } from './lines.ts'

/**
 * The lines that are drawn, as the chart takes them. On a log scale the chart gets the logarithms to base 10 (values of
 * zero and below are gaps); `told` keeps what the points measure.
 */
export function chartLines(
  lines: readonly ResultLine[],
  look: { step: number; stack: boolean; log: boolean; hovered: string | null },
): ChartSeries[] {
  const drawn = lines.filter((line) => line.drawn)
  const piles = look.stack ? stackValues(drawn) : null
  const series = drawn.map((line, index): ChartSeries => {
    const value = (i: number): number | null => {
      const own = piles ? piles[index][i] : line.values[i]
      if (own === null || !Number.isFinite(own)) return null
      if (!look.log) return own
      return own > 0 ? Math.log10(own) : null
    }
    const columns = withGaps(
      line.times.map((time, i) => [time, value(i)]),
      look.step,
    )
    return {
      id: line.id,
      name: line.short,
      colour: line.colour,
      dash: line.dash,
      ...columns,
      ...(piles || look.log ? { told: ownValues(line, columns.times) } : {}),
      area: look.stack,
      ghost: false,
      ...(look.hovered !== null && look.hovered !== line.id ? { faint: true } : {}),
    }
  })
  // Areas are filled down to zero, so the highest pile is drawn first.
  return piles ? series.reverse() : series
}

function ownValues(line: ResultLine, times: readonly number[]): (number | null)[] {
  const at = new Map(line.times.map((time, i) => [time, line.values[i]]))
  return times.map((time) => at.get(time) ?? null)
}
