import { createWriteStream, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { JobKind } from '../jobs/job-kind.ts'
import { EXPORT_KINDS, type ExportRequest } from '../model/export.ts'
import { exportOrder } from './export-order.ts'
import { type ExportParts, exportPieces } from './export-stream.ts'

/** What an export job was asked for; `file` is the name that the file is offered under. */
export interface ExportInput {
  request: ExportRequest
  file: string
}

const KEPT_MS = 24 * 3_600_000

/** Exports into `exports/` of the data directory. A file is kept for a day; one that is not whole goes. */
export function exportJob(parts: ExportParts & { dataDir: string }): JobKind<ExportInput, null> {
  const folder = join(parts.dataDir, 'exports')
  return {
    kind: 'export',
    exclusive: null,
    resumable: false,
    async run({ id, input: { request, file }, signal, progress, log }) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      forgetOldExports(parts.dataDir)
      const done = exportFile(parts.dataDir, id)
      const partial = `${done}.part`
      const order = exportOrder(request)
      let [rows, bytes] = [0, 0]
      progress({ phase: 'export', done: 0, total: null, unit: 'rows' })
      async function* content(): AsyncGenerator<Uint8Array> {
        for await (const piece of exportPieces(order, parts, signal)) {
          rows += piece.rows
          bytes += piece.bytes.length
          if (piece.warning) log(piece.warning, 'warn')
          const { share } = piece
          // How much there is shows only by how much of the time is done.
          const total = share > 0.02 && share <= 1 ? Math.max(rows, Math.round(rows / share)) : null
          progress({ phase: 'export', done: rows, total, unit: 'rows' })
          yield piece.bytes
        }
      }
      try {
        await pipeline(Readable.from(content()), createWriteStream(partial, { mode: 0o600 }), { signal })
        renameSync(partial, done)
      } catch (error) {
        rmSync(partial, { force: true })
        throw signal.aborted ? signal.reason : error
      }
      log(`${file}: ${rows} ${order.signal === 'metrics' ? 'samples' : order.signal}, ${bytes} bytes`)
      return { file, rows, bytes, signal: order.signal, type: EXPORT_KINDS[order.format].type }
    },
  }
}

/** Where the file of a job lies. */
export const exportFile = (dataDir: string, jobId: string): string => join(dataDir, 'exports', `${jobId}.export`)

/** Removes files that were kept long enough. */
export function forgetOldExports(dataDir: string): void {
  const folder = join(dataDir, 'exports')
  if (!existsSync(folder)) return
  for (const name of readdirSync(folder)) {
    const age = Date.now() - (statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
    if (age > KEPT_MS) rmSync(join(folder, name), { force: true })
  }
}
