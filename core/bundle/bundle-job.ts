import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { GlassboxError } from '../base/errors.ts'
import { RpcClient } from '../base/rpc.ts'
import { workerFile } from '../base/worker-file.ts'
import type { Settings } from '../config/settings.ts'
import { exportFile, forgetOldExports } from '../export/export-job.ts'
import type { JobKind } from '../jobs/job-kind.ts'
import { type BundleAbout, type BundledTrace, type BundleRequest, bundleFileName } from '../model/bundle.ts'
import type { SpanNote } from '../model/pins.ts'
import type { Trace } from '../model/records.ts'
import type { MetricReader } from '../storage/metric-store.ts'
import type { TelemetryReader } from '../storage/store.ts'
import { metricsAround, stretchesAround } from './around-traces.ts'
import type { BundleOrder } from './write-bundle.ts'

export interface BundleParts {
  dataDir: string
  product: string
  store: { reader: Pick<TelemetryReader, 'trace' | 'services'>; metrics: MetricReader }
  /** Notes on the spans of a trace. */
  notes(traceId: string): Promise<SpanNote[]>
  settings(): Settings
  clock: Clock
}

const READ_MS = 60_000

/** Makes a debug bundle; its file is kept for a day, as those of exports are. The job's secret is the bundle's password. */
export function bundleJob(parts: BundleParts): JobKind<BundleRequest, null> {
  return {
    kind: 'bundle',
    exclusive: null,
    resumable: false,
    async run({ id, input, secret, signal, progress, log }) {
      const done = exportFile(parts.dataDir, id)
      const partial = `${done}.part`
      mkdirSync(dirname(done), { recursive: true, mode: 0o700 })
      forgetOldExports(parts.dataDir)
      const worker = new Worker(workerFile(import.meta.url, './bundle.worker.ts'), { name: 'bundle' })
      const rpc = new RpcClient(worker)
      worker.on('error', (error) => rpc.close(error))
      worker.on('exit', () =>
        rpc.close(new GlassboxError('internal', 'the thread of bundles ended before it was done')),
      )
      try {
        await rpc.call('begin', orderOf(parts, input, secret, partial))
        const about = await gather(parts, input, { signal, progress }, rpc)
        renameSync(partial, done)
        for (const warning of about.warnings) log(warning, 'warn')
        const file = bundleFileName(input.title)
        const bytes = statSync(done).size
        log(`${file}: ${about.spans} spans, ${about.logs} log records, ${about.samples} samples, ${bytes} bytes`)
        return {
          file,
          bytes,
          type: 'application/octet-stream',
          traces: about.traces.length,
          spans: about.spans,
          logs: about.logs,
          samples: about.samples,
          warnings: about.warnings,
        }
      } catch (error) {
        rmSync(partial, { force: true })
        throw signal.aborted ? signal.reason : error
      } finally {
        await worker.terminate()
      }
    },
  }
}

function orderOf(parts: BundleParts, input: BundleRequest, secret: string | null, file: string): BundleOrder {
  const { privacy, storage } = parts.settings()
  return {
    file,
    privacy: { ...privacy, removeKeys: [...privacy.removeKeys, ...input.removeKeys] },
    secret: secret === null ? null : { password: secret },
    product: parts.product,
    engine: storage.engine,
    nowUs: parts.clock.nowUs(),
  }
}

async function gather(
  { store, notes: notesOf }: BundleParts,
  input: BundleRequest,
  { signal, progress }: Pick<Parameters<JobKind<BundleRequest, null>['run']>[0], 'signal' | 'progress'>,
  rpc: RpcClient,
): Promise<BundleAbout> {
  const ids = [...new Set(input.traceIds)]
  const traces: BundledTrace[] = []
  const services = new Set<string>()
  const notes: SpanNote[] = []
  const warnings: string[] = []
  for (const [index, traceId] of ids.entries()) {
    signal.throwIfAborted()
    progress({ phase: 'bundle', done: index, total: ids.length, unit: 'steps' })
    const trace = await traceOrNone(store.reader, traceId, signal)
    if (!trace) {
      warnings.push(`trace ${traceId} is not stored (any more)`)
      continue
    }
    for (const service of trace.summary.services) services.add(service)
    const { service, name, start, dur, status, spanCount } = trace.summary
    traces.push({ traceId, service, name, start, dur, status, spanCount })
    notes.push(...(await notesOf(traceId)))
    if (trace.partial) warnings.push(`trace ${traceId}: ${trace.partial.reason}`)
    await rpc.call('trace', input.logs ? trace : { ...trace, logs: [] })
  }
  if (traces.length === 0)
    throw new GlassboxError('trace_not_found', 'None of the chosen traces is stored.', 'Choose others.')
  const metrics = input.metrics
    ? await metricsAround(
        store,
        { stretches: stretchesAround(traces, input.around), services, signal },
        {
          samples: (series) => rpc.call('samples', series),
          extras: (metadata, exemplars) => rpc.call('extras', { metadata, exemplars }),
          progress: (done, total) => progress({ phase: 'bundle_metrics', done, total, unit: 'steps' }),
        },
      )
    : { hosts: [], warnings: [] }
  return rpc.call<BundleAbout>('finish', {
    title: input.title,
    note: input.note,
    madeOn: hostname(),
    traces,
    notes,
    hosts: metrics.hosts,
    warnings: [...warnings, ...metrics.warnings],
  })
}

async function traceOrNone(
  reader: BundleParts['store']['reader'],
  traceId: string,
  signal: AbortSignal,
): Promise<Trace | null> {
  try {
    return await reader.trace(traceId, { signal, timeoutMs: READ_MS })
  } catch (error) {
    if (error instanceof GlassboxError && error.code === 'trace_removed') return null
    throw error
  }
}
