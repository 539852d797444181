import { parentPort, workerData } from 'node:worker_threads'
import { type Handlers, serveRpc } from '../../../base/rpc.ts'
import { BlockCache } from './block-cache.ts'
import { QueryGuard } from './query-guard.ts'
import { openReadConnection, readMethods } from './read-methods.ts'

/** One reading thread: a read-only connection and its cache of blocks. */
if (!parentPort) throw new Error('reader.worker.ts runs as a worker')
const main = parentPort
const db = openReadConnection((workerData as { dataDir: string }).dataDir)
const tell = (method: string, argument: unknown): void => main.postMessage({ kind: 'notice', method, argument })
const cache = new BlockCache(
  db,
  ({ block }) => tell('damaged', block),
  (packed) => tell('keepSpread', packed),
)
const IDLE_MS = 60_000
let idle: NodeJS.Timeout | null = null

/** A query's arguments and the flag that its asker may raise. */
interface Asked {
  argument: never
  flag: SharedArrayBuffer
}

const handlers: Handlers = {}
for (const [name, method] of Object.entries(readMethods(db, cache))) {
  handlers[name] = ({ argument, flag }: Asked) => {
    if (idle) clearTimeout(idle)
    idle = setTimeout(() => cache.clear(), IDLE_MS)
    idle.unref()
    return method(argument, new QueryGuard(new Int32Array(flag)))
  }
}
serveRpc(main, handlers)
