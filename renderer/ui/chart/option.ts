import type { EChartsCoreOption } from 'echarts/core'
import type { Token } from '../tokens.ts'
import type { Plot, ValueTicks } from './scale.ts'
import type { ChartExemplar, ChartSeries } from './series.ts'

export interface OptionInput {
  plot: Plot
  /** px of the whole chart. */
  width: number
  height: number
  series: readonly ChartSeries[]
  exemplars: readonly ChartExemplar[]
  ticks: ValueTicks
  valueText: (value: number) => string
  times: readonly number[]
  timeText: (time: number) => string
  summary: string
  token: Token
}

const DASH = { solid: 'solid', dashed: [6, 3], dotted: [2, 3] } as const
/** Up to so many lines are drawn thicker. */
const FEW = 3

/** All of a chart as ECharts wants it: no animation, no symbols, no tooltip; ticks and labels are ours. */
export function chartOption(input: OptionInput): EChartsCoreOption {
  const { plot, token, ticks } = input
  const font = token('--font-ui')
  const lines = input.series.filter((one) => !one.ghost).length
  const label = { color: token('--text-3'), fontSize: 11, fontFamily: font, hideOverlap: false }
  const grid = { show: true, lineStyle: { color: token('--line'), opacity: 0.6, width: 1 } }
  const axis = { type: 'value', axisLine: { show: false }, silent: true, splitLine: grid, scale: true }
  return {
    animation: false,
    aria: { enabled: true, label: { description: input.summary } },
    grid: {
      left: plot.left,
      right: input.width - plot.right,
      top: plot.top,
      bottom: input.height - plot.bottom,
      outerBoundsMode: 'none',
    },
    xAxis: {
      ...axis,
      min: plot.start,
      max: plot.end,
      axisTick: { show: false, customValues: [...input.times] },
      axisLabel: { ...label, customValues: [...input.times], formatter: input.timeText, margin: 7 },
    },
    yAxis: {
      ...axis,
      min: ticks.low,
      max: ticks.high,
      axisTick: { show: false, customValues: ticks.at },
      axisLabel: { ...label, customValues: ticks.at, formatter: input.valueText, margin: 8 },
    },
    series: [
      ...input.series.map((one) => lineOption(one, lines <= FEW, token)),
      {
        id: 'exemplars',
        type: 'scatter',
        silent: true,
        symbol: 'diamond',
        symbolSize: 8,
        data: input.exemplars.map(({ time, value }) => [time, value]),
        itemStyle: { color: token('--text-2'), borderColor: token('--bg-1'), borderWidth: 1 },
        z: 4,
      },
    ],
  }
}

function lineOption(one: ChartSeries, few: boolean, token: Token): object {
  const colour = token(one.colour)
  const dash = one.dash ?? 'solid'
  return {
    id: one.id,
    name: one.name,
    type: 'line',
    silent: true,
    showSymbol: true,
    symbol: 'none',
    symbolSize: 4,
    connectNulls: false,
    clip: true,
    data: one.times.map((time, i) => {
      const value = one.values[i]
      // A point between two gaps has no line to be seen by.
      const alone = value !== null && (one.values[i - 1] ?? null) === null && (one.values[i + 1] ?? null) === null
      return alone ? { value: [time, value], symbol: 'circle' } : [time, value]
    }),
    z: one.ghost ? 1 : 3,
    lineStyle: {
      color: colour,
      width: one.ghost ? 1 : few ? (dash === 'solid' ? 2 : 1.75) : 1.5,
      type: DASH[dash],
      opacity: one.faint ? 0.25 : one.ghost ? 0.55 : 1,
    },
    itemStyle: {
      color: colour,
      ...(one.hatch
        ? {
            decal: {
              symbol: 'rect',
              color: token('--bg-1'),
              dashArrayX: [1, 0],
              dashArrayY: [1, 4],
              rotation: -Math.PI / 4,
            },
          }
        : {}),
    },
    ...(one.area ? { areaStyle: { color: colour, opacity: one.hatch ? 0.35 : 0.1, origin: 'start' } } : {}),
  }
}
