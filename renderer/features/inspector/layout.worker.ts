import { type TraceStructure, unpackStructure } from '../../../core/model/trace-structure.ts'
import { layoutTrace, type TraceLayout } from './derive/layout.ts'

export interface LayoutRequest {
  id: number
  /** Packed structure. */
  bytes: ArrayBuffer
  correct: boolean
}
export interface LayoutReply {
  id: number
  /** What went wrong, in words; then the rest is missing. */
  failure: string | null
  trace?: TraceStructure
  layout?: TraceLayout
}

self.onmessage = ({ data }: MessageEvent<LayoutRequest>) => {
  const { id, bytes, correct } = data
  try {
    const trace = unpackStructure(bytes)
    const layout = layoutTrace(trace, correct)
    self.postMessage({ id, failure: null, trace, layout } satisfies LayoutReply, {
      transfer: buffersOf(layout, [bytes]),
    })
  } catch (error) {
    self.postMessage({ id, failure: error instanceof Error ? error.message : String(error) } satisfies LayoutReply)
  }
}

/** Buffers that are handed over instead of copied. */
function buffersOf(layout: TraceLayout, first: ArrayBuffer[]): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>(first)
  const collect = (value: object): void => {
    for (const one of Object.values(value)) {
      if (ArrayBuffer.isView(one)) buffers.add(one.buffer as ArrayBuffer)
      else if (one && typeof one === 'object' && !Array.isArray(one)) collect(one as object)
    }
  }
  collect(layout)
  return [...buffers]
}
