import { LineChart, ScatterChart } from 'echarts/charts'
import { AriaComponent, GridComponent } from 'echarts/components'
import { type EChartsType, init, use } from 'echarts/core'
import { CanvasRenderer } from 'echarts/renderers'

use([LineChart, ScatterChart, GridComponent, AriaComponent, CanvasRenderer])

/** One ECharts instance; whoever makes it disposes of it. */
export function createEngine(element: HTMLElement): EChartsType {
  return init(element, null, { renderer: 'canvas' })
}
