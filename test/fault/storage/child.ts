/**
 * A storage engine in a process of its own, for faults that a whole process or mount is needed for. Takes commands from
 * its parent by IPC, answers each with its id, and never ends by itself.
 */
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GlassboxError } from '../../../core/base/errors.ts'
import { defaultSettings } from '../../../core/config/settings.ts'
import { openSqliteStore } from '../../../core/storage/sqlite/store.ts'
import type { TelemetryStore } from '../../../core/storage/store.ts'
import { logBatch, spanBatch } from '../../unit/storage-read/spans.ts'

const [dataDir, reserveBytes] = process.argv.slice(2)
const T0 = Date.UTC(2026, 0, 15) * 1000
let store: TelemetryStore | null = null
const log = {
  info: () => undefined,
  warn: () => undefined,
  error(_: object, sentence: string) {
    problems.push(sentence)
    for (const told of awaiting.splice(0)) told()
  },
}
const awaiting: (() => void)[] = []
const problems: string[] = []

/** Rows `from` .. `from + count`, each a span and a record, with text that does not compress. */
function rows(from: number, count: number, textBytes: number) {
  const received = Date.now() * 1000
  const noise = () =>
    Array.from({ length: Math.ceil(textBytes / 8) }, () => Math.random().toString(36).slice(2, 10)).join('')
  const ids = Array.from({ length: count }, (_, i) => from + i)
  const none = { parent: 0, kind: 0, status: 0 }
  const spans = ids.map((id) => ({
    trace: id,
    span: id,
    service: 's',
    name: 'n',
    start: T0 + id,
    dur: 1,
    attributes: { noise: noise() },
    ...none,
  }))
  const logs = ids.map((id) => ({
    time: T0 + id,
    ns: 0,
    severity: 9,
    service: 's',
    body: `${id} ${noise()}`,
    trace: 0,
    attributes: {},
  }))
  return { spans: [spanBatch(spans, received)], logs: [logBatch(logs, received)] }
}

const opened = (): TelemetryStore => store as TelemetryStore

const commands = {
  async open() {
    store = await openSqliteStore({
      dataDir,
      settings: { ...defaultSettings, storage: { ...defaultSettings.storage, reserveBytes: Number(reserveBytes) } },
      log,
    })
  },
  write: ({ from, count, textBytes = 200 }: { from: number; count: number; textBytes?: number }) =>
    opened().writer.write(rows(from, count, textBytes)),
  stats: () => opened().stats(),
  compact: () => opened().compact(),
  async ids() {
    const spans = await opened().reader.sql('SELECT start FROM _traces ORDER BY start', 10_000_000)
    const logs = await opened().reader.sql('SELECT time FROM _logs ORDER BY time', 10_000_000)
    return { spans: spans.rows.map(([at]) => Number(at) - T0), logs: logs.rows.map(([at]) => Number(at) - T0) }
  },
  sql: ({ query, timeoutMs }: { query: string; timeoutMs: number }) => opened().reader.sql(query, 100, { timeoutMs }),
  problems: () => problems,
  /** A message that no handler can take: the thread behind the port dies of it. Answers once that was noticed. */
  killWriter: () =>
    new Promise<void>((resolve) => {
      awaiting.push(resolve)
      opened().writerPort().postMessage({ kind: 'notice', method: 'write', argument: null })
    }),
  /** Another program fills the disk but for `leave` bytes. */
  fill({ leave }: { leave: number }) {
    const { bavail, bsize } = statfsSync(dataDir)
    writeFileSync(join(dataDir, '..', 'other'), new Uint8Array(Math.max(0, bavail * bsize - leave)))
  },
  unfill: () => rmSync(join(dataDir, '..', 'other')),
  stop: () => opened().stop(),
}

process.on('message', async ({ id, name, argument }: { id: number; name: keyof typeof commands; argument: never }) => {
  try {
    process.send?.({ id, value: (await commands[name](argument)) ?? null })
  } catch (error) {
    const code = error instanceof GlassboxError ? error.code : null
    const hint = error instanceof GlassboxError ? error.hint : null
    process.send?.({ id, error: { code, hint, message: (error as Error).message } })
  }
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0 })
