import { parentPort } from 'node:worker_threads'
import { serveRpc } from '../base/rpc.ts'
import type { Trace } from '../model/records.ts'
import type { MetricMetadata, SeriesExemplars, SeriesSamples } from '../model/series.ts'
import { type BundleOrder, BundleWriter } from './write-bundle.ts'

/** Redacts, packs and writes one bundle off the main thread; calls come one after the other. */
if (!parentPort) throw new Error('bundle.worker.ts runs as a worker')
let writer: BundleWriter | null = null
const open = (): BundleWriter => {
  if (!writer) throw new Error('the bundle was not begun')
  return writer
}

serveRpc(parentPort, {
  async begin(order: BundleOrder) {
    writer = await BundleWriter.begin(order)
  },
  trace: (trace: Trace) => open().trace(trace),
  samples: (series: SeriesSamples[]) => open().samples(series),
  extras: ({ metadata, exemplars }: { metadata: MetricMetadata[]; exemplars: SeriesExemplars[] }) =>
    open().extras(metadata, exemplars),
  finish: (told: Parameters<BundleWriter['finish']>[0]) => open().finish(told),
  abort: () => writer?.abort(),
})
