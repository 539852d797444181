import { type LayoutRequest, layoutMap } from './derive/layout.ts'

self.onmessage = ({ data }: MessageEvent<{ id: number; request: LayoutRequest }>) => {
  self.postMessage({ id: data.id, layout: layoutMap(data.request) })
}
