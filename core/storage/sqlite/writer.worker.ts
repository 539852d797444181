import { existsSync, renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { GlassboxError } from '../../base/errors.ts'
import { serveRpc } from '../../base/rpc.ts'
import type { StorageStats } from '../../model/answers.ts'
import type { LogBatch, SpanBatch } from '../../model/columns.ts'
import type { RetentionPolicy, WriteResult } from '../store.ts'
import { BlockStore } from './block-store.ts'
import { RecentSpans } from './recent-spans.ts'
import { Retention } from './retention.ts'
import { DATABASE_FILE, openDatabase } from './schema.ts'

export interface WriterWorkerData {
  dataDir: string
  reserveBytes: number
}

const { dataDir, reserveBytes } = workerData as WriterWorkerData
const port = parentPort as MessagePort
const file = join(dataDir, DATABASE_FILE)
const reserve = join(dataDir, 'reserve')
const recent = new RecentSpans()

let db = openOrSetAside()
let blocks = new BlockStore(db, recent)
let retention = new Retention(db, systemClock)
let mode: StorageStats['mode'] = 'normal'
let modeSince: number | null = null
let modeReason: string | null = null
let paused: string | null = null

function openOrSetAside(): ReturnType<typeof openDatabase> {
  // A WAL that was not folded in tells of an unclean stop.
  const unclean = existsSync(`${file}-wal`) && statSync(`${file}-wal`).size > 0
  try {
    const opened = openDatabase(file)
    if (!unclean || opened.pragma('quick_check(1)', { simple: true }) === 'ok') return opened
    opened.close()
  } catch (error) {
    const code = (error as { code?: string }).code ?? ''
    if (code !== 'SQLITE_NOTADB' && !code.startsWith('SQLITE_CORRUPT')) throw error
  }
  const aside = `${file}.corrupt-${new Date().toISOString().replaceAll(':', '-')}`
  for (const end of ['', '-wal', '-shm']) if (existsSync(file + end)) renameSync(file + end, aside + end)
  port.postMessage({ kind: 'notice', method: 'damaged', argument: aside })
  return openDatabase(file)
}

function makeReserve(): void {
  if (reserveBytes === 0 || existsSync(reserve)) return
  try {
    writeFileSync(reserve, Buffer.alloc(reserveBytes))
  } catch {
    // No room for it now: half a reserve helps nobody.
    rmSync(reserve, { force: true })
  }
}

function isDiskTrouble(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? ''
  return code === 'SQLITE_FULL' || code.startsWith('SQLITE_IOERR')
}

function reopen(): void {
  db.close()
  db = openDatabase(file)
  blocks = new BlockStore(db, recent)
  retention = new Retention(db, systemClock)
}

function makeRoom(ioError: boolean): void {
  rmSync(reserve, { force: true })
  if (ioError) reopen()
  db.pragma('wal_checkpoint(TRUNCATE)')
  retention.removeOldestTenth()
}

function write(batches: { spans: SpanBatch[]; logs: LogBatch[] }): WriteResult {
  let result: WriteResult
  try {
    result = blocks.write(batches)
  } catch (error) {
    if (!isDiskTrouble(error)) throw error
    try {
      makeRoom((error as { code: string }).code !== 'SQLITE_FULL')
      result = blocks.write(batches)
    } catch (again) {
      if (mode === 'normal') modeSince = systemClock.nowUs()
      mode = 'disk-full'
      modeReason = (again as Error).message
      throw new GlassboxError('storage_unavailable', `${DATABASE_FILE} cannot be written: ${modeReason}`)
    }
  }
  if (mode !== 'normal') {
    mode = 'normal'
    modeSince = null
    modeReason = null
  }
  makeReserve()
  port.postMessage({ kind: 'notice', method: 'written', argument: result.seq })
  return result
}

function sizeOf(name: string): number {
  return statSync(name, { throwIfNoEntry: false })?.size ?? 0
}

function stats(): StorageStats {
  const summary = (table: string) =>
    db
      .prepare(
        `SELECT coalesce(sum(rows), 0) n, coalesce(sum(bytes), 0) bytes, count(*) blocks, min(min_received) oldest,
         max(max_received) newest FROM ${table}`,
      )
      .get() as { n: number; bytes: number; blocks: number; oldest: number | null; newest: number | null }
  const { n: spans, ...traces } = summary('span_block')
  const { n: logs, ...logsSize } = summary('log_block')
  const walBytes = sizeOf(`${file}-wal`)
  const disk = statfsSync(dataDir)
  return {
    engine: 'sqlite',
    spans,
    logs,
    traces,
    logsSize,
    fileBytes: sizeOf(file) + walBytes,
    walBytes,
    freeBytes: disk.bavail * disk.bsize,
    mode,
    modeSince,
    modeReason,
    retentionPaused: paused,
  }
}

makeReserve()
const handlers = {
  write,
  stats,
  retention: (policy: RetentionPolicy) => {
    const result = retention.run(policy)
    paused = result.paused
    return result
  },
  compact: () => retention.returnSpace(),
  checkpoint: () => void db.pragma('wal_checkpoint(TRUNCATE)'),
  connect: (other: MessagePort) => serveRpc(other, { write }),
  stop: () => {
    if (!db.open) return
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.close()
  },
}
serveRpc(port, handlers)
port.postMessage({ kind: 'notice', method: 'ready', argument: null })
