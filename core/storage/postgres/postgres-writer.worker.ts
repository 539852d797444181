import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { RpcClient, serveRpc } from '../../base/rpc.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import type { RetentionPolicy } from '../store.ts'
import { Writer, type WriterOptions } from './writer.ts'

/** The one thread that writes to Postgres. */
if (!parentPort) throw new Error('postgres-writer.worker.ts runs as a worker')
const main = parentPort
const writer = new Writer(workerData as WriterOptions, systemClock, (method, argument) =>
  main.postMessage({ kind: 'notice', method, argument }),
)
const opened = writer.open()
opened.catch(() => undefined)

/** The writer of metrics, which lie in this host's own file. */
let metrics: RpcClient | null = null

interface MovedWrite {
  spans: SpanBatch[]
  logs: LogBatch[]
  place: { move: string; cursor: string }
}

const handlers = {
  write: ({ spans, logs }: { spans: SpanBatch[]; logs: LogBatch[] }) => writer.write(spans, logs),
  writeMoved: ({ spans, logs, place }: MovedWrite) => writer.writeMoved(spans, logs, place),
  movedTo: (move: string) => writer.movedTo(move),
  replaceWithMove: ({ move, mark }: { move: string; mark: string }) => writer.replaceWithMove(move, mark),
  endMove: ({ move, undo }: { move: string; undo: boolean }) => writer.endMove(move, undo),
  stats: () => writer.stats(),
  retention: (policy: RetentionPolicy) => writer.retention(policy),
  opened: () => opened,
  stop: () => writer.stop(),
  connect: ({ port, metrics: own }: { port: MessagePort; metrics: MessagePort }) => {
    metrics = new RpcClient(own)
    serveRpc(port, { write: handlers.write, writeSamples: (batch: unknown) => metrics?.call('writeSamples', batch) })
  },
  metrics: (port: MessagePort) => {
    metrics = new RpcClient(port)
  },
}
serveRpc(main, handlers)
