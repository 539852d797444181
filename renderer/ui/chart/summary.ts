import { type ChartSeries, extremes } from './series.ts'

type Say = (key: string, named: Record<string, unknown>) => string

/** So many lines are described one by one; of more only how many there are. */
const MOST_SPOKEN = 3

/** One sentence that says what a chart shows: last, lowest and highest of each line, and when. */
export function chartSummary(
  title: string,
  series: readonly ChartSeries[],
  valueText: (value: number) => string,
  timeText: (time: number) => string,
  say: Say,
): string {
  const lines = series
    .filter((one) => !one.ghost)
    .flatMap((one) => {
      const found = extremes(one)
      return found ? [{ name: one.name, ...found }] : []
    })
  if (lines.length === 0) return say('chart.summaryNone', { title })
  const spoken = lines.slice(0, MOST_SPOKEN).map(({ name, last, least, most }) =>
    say('chart.summaryLine', {
      name,
      last: valueText(last.value),
      least: valueText(least.value),
      most: valueText(most.value),
      when: timeText(most.time),
    }),
  )
  if (lines.length > MOST_SPOKEN) spoken.push(say('chart.summaryMore', { n: lines.length - MOST_SPOKEN }))
  return say('chart.summary', { title, lines: spoken.join('; ') })
}
