import { createReadStream, existsSync } from 'node:fs'
import { Readable } from 'node:stream'
import { GlassboxError } from '../../base/errors.ts'
import { exportFile } from '../../export/export-job.ts'
import { exportOrder } from '../../export/export-order.ts'
import { exportPieces } from '../../export/export-stream.ts'
import { EXPORT_KINDS, type ExportRequest } from '../../model/export.ts'
import type { QueryOf } from '../contract/routes.ts'
import type { Handlers } from '../handler.ts'
import type { ApiServices } from '../services.ts'
import { timeRange } from './time-range.ts'

type ExportQuery = QueryOf<'exportTelemetry'>

export const exportHandlers: Handlers<'exportTelemetry' | 'startExport' | 'exportedFile'> = {
  async exportTelemetry({ query, services, context, reply }) {
    const pieces = exportPieces(exportOrder(requestOf(query, services)), partsOf(services), context.signal)
    // Whoever goes before the first byte is sent leaves no thread behind.
    context.signal.addEventListener('abort', () => void pieces.return(undefined), { once: true })
    // What is wrong with the query shows before the first byte, as an answer of its own.
    const first = [await pieces.next(), await pieces.next()]
    reply.type(EXPORT_KINDS[query.format].type)
    reply.header('content-disposition', `attachment; filename="${fileName(query, services)}"`)
    return Readable.from(
      (async function* () {
        for (const { done, value } of first) if (!done && value.bytes.length > 0) yield value.bytes
        for await (const { bytes } of pieces) if (bytes.length > 0) yield bytes
      })(),
      // A large piece would otherwise be counted as one of sixteen.
      { objectMode: false },
    )
  },
  async startExport({ body, services }) {
    const request = requestOf(body, services)
    exportOrder(request)
    return services.jobs.start('export', { request, file: fileName(body, services) })
  },
  async exportedFile({ params, services, reply }) {
    const { kind, state, result } = services.jobs.get(params.id)
    const path = exportFile(services.dataDir, params.id)
    if ((kind !== 'export' && kind !== 'bundle') || state !== 'done' || !existsSync(path))
      throw new GlassboxError('not_found', `Job ${params.id} has no file.`, 'Files of exports are kept for a day.')
    const { file, type } = result as { file: string; type: string }
    reply.type(type)
    reply.header('content-disposition', `attachment; filename="${file}"`)
    return createReadStream(path)
  },
}

const partsOf = ({ store, version }: ApiServices) => ({
  reader: store.reader,
  metrics: store.metrics,
  product: `Glassbox ${version}`,
})

/** With the range that it is about, which a job must not move. */
const requestOf = (query: ExportQuery, { clock }: ApiServices): ExportRequest => ({
  ...query,
  ...timeRange(query, clock),
})

function fileName({ signal, format }: ExportQuery, { clock }: ApiServices): string {
  const at = new Date(clock.nowUs() / 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
  return `${signal}-${at}.${EXPORT_KINDS[format].extension}`
}
