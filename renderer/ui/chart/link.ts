import { type InjectionKey, inject, provide, type ShallowRef, shallowRef } from 'vue'

/** The crosshair that the charts of a screen share. */
export interface ChartLink {
  /** µs; null while there is none. */
  time: ShallowRef<number | null>
  /** The chart that has pointer or focus, and so shows the tooltip. */
  owner: ShallowRef<symbol | null>
}

const KEY: InjectionKey<ChartLink> = Symbol('chart link')

const newLink = (): ChartLink => ({ time: shallowRef(null), owner: shallowRef(null) })

/** Called by a screen: all charts below it share one crosshair. */
export function provideChartLink(): ChartLink {
  const link = newLink()
  provide(KEY, link)
  return link
}

/** The screen's link, or one of the chart's own. */
export const useChartLink = (): ChartLink => inject(KEY, newLink, true)
