import { parentPort } from 'node:worker_threads'
import { serveRpc, Transferred } from '../base/rpc.ts'
import type { ExportFormat, ExportSignal } from '../model/export.ts'
import type { MetricFamily } from '../model/metric-family.ts'
import type { LogRecord, Trace } from '../model/records.ts'
import { createEncoder, type Encoder } from './encoder.ts'

/** Writes the bytes of one export, off the main thread. */
if (!parentPort) throw new Error('export.worker.ts runs as a worker')
let encoder: Encoder | null = null
const open = (): Encoder => {
  if (!encoder) throw new Error('the export was not begun')
  return encoder
}
/** A copy of its own, so that it can be handed over; small buffers share memory of the process. */
const given = (bytes: Buffer): Transferred<Uint8Array> => {
  const own = new Uint8Array(bytes)
  return new Transferred(own, [own.buffer])
}

serveRpc(parentPort, {
  begin({ signal, format, product }: { signal: ExportSignal; format: ExportFormat; product: string }) {
    encoder = createEncoder(signal, format, product)
    return given(encoder.begin())
  },
  trace: (trace: Trace) => given(open().trace(trace)),
  logs: (records: LogRecord[]) => given(open().logs(records)),
  metrics: (family: MetricFamily) => given(open().metrics(family)),
  end: () => given(open().end()),
  leftOut: () => open().leftOut,
})
