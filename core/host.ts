import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { IntakeReport, PipelineState, StatusAnswer } from './api/contract/shapes.ts'
import { createApiServer } from './api/server.ts'
import { BackupService } from './backup/backup-service.ts'
import { recoverRestore } from './backup/staged-restore.ts'
import { type Clock, systemClock } from './base/clock.ts'
import { GlassboxError } from './base/errors.ts'
import { InstanceLock, writePrivateFile } from './base/instance-lock.ts'
import { bundleJob } from './bundle/bundle-job.ts'
import { OpenedBundles } from './bundle/opened-bundles.ts'
import { samplesOfRound } from './collectors/host/host-collector.ts'
import { ledgerReadings } from './collectors/host/ledger-readings.ts'
import { reading } from './collectors/host/readings.ts'
import { startHostFigures } from './collectors/host/start-host-figures.ts'
import { startScraping } from './collectors/scrape/start-scraping.ts'
import { ConfigStore, type SettingsService } from './config/config-store.ts'
import { SecretBox } from './config/secret-box.ts'
import type { HostConfig, Settings } from './config/settings.ts'
import { exportJob } from './export/export-job.ts'
import { IntakeDoctor } from './health/intake-doctor.ts'
import { OwnCost } from './health/own-cost.ts'
import { createOwnLog } from './health/own-log.ts'
import { selfMetricsText } from './health/self-metrics.ts'
import { FileImports } from './import/file-imports.ts'
import { JobRegistry } from './jobs/job-registry.ts'
import { compactJob } from './migrate/compact-job.ts'
import { deleteOldJob } from './migrate/delete-job.ts'
import { switchJob } from './migrate/switch-job.ts'
import { jobEnded } from './model/job.ts'
import { packDecoded } from './model/packed-samples.ts'
import { startPipeline } from './pipeline/start-pipeline.ts'
import { ALL_FEATURES, STABLE_FEATURES } from './query/promql/answer.ts'
import { createPromqlEngine, type EngineConfiguration } from './query/promql/engine.ts'
import { createOtlpGrpcReceiver } from './receivers/otlp-grpc.ts'
import { createOtlpHttpReceiver } from './receivers/otlp-http.ts'
import { ByteBudget } from './receivers/read-body.ts'
import { type SlowLimits, slowLimits } from './receivers/receiver.ts'
import { scheduleRetention } from './retention-schedule.ts'
import { StopStack } from './stop-stack.ts'
import { Engines } from './storage/open-store.ts'
import { StoreSwitch } from './storage/store-switch.ts'
import { productVersion } from './version.ts'

/** Addresses of a running host, as `http://127.0.0.1:4318`. */
export interface HostAddresses {
  api: string
  otlp: string
  otlpGrpc: string
  token: string
}

export interface Host {
  /**
   * Starts every part. A taken OTLP port does not stop the start: the intake doctor says who holds it.
   * @throws GlassboxError `already_running`, `port_taken` (the api's), `bad_setting`, `data_damaged`,
   * `storage_unavailable`; nothing stays open then.
   */
  start(): Promise<HostAddresses>
  /** The settings of a started host. */
  settings(): SettingsService
  /** Takes nothing new, writes what waits (5 s at most, the rest is counted) and closes all, in reverse order. */
  stop(): Promise<void>
}

/** Together they stay below the 10 s in which a stop must be done. */
const drainLimitMs = 5000
const closeLimitMs = 1000

/** Builds the product from its parts. One host a data directory. */
export function createHost(config: HostConfig, overrides: { clock?: Clock; slow?: SlowLimits } = {}): Host {
  const clock = overrides.clock ?? systemClock
  const parts = new StopStack()
  let stopped: Promise<void> | null = null
  let settingsService: SettingsService | null = null

  async function start(): Promise<HostAddresses> {
    try {
      return await build()
    } catch (error) {
      await stop()
      throw error
    }
  }

  function stop(): Promise<void> {
    stopped ??= parts.stopAll()
    return stopped
  }

  async function build(): Promise<HostAddresses> {
    refuseUnsafe(config)
    const { dataDir } = config
    const token = config.token ?? randomBytes(16).toString('hex')
    const startedUs = clock.nowUs()
    const lock = await InstanceLock.acquire(dataDir)
    parts.add('instance lock', () => lock.release())
    writePrivateFile(join(dataDir, 'token'), token)
    const { log, close: closeLog } = createOwnLog({ level: config.settings.log.level, dataDir, token })
    parts.add('log', closeLog)
    parts.onFailure = (part, error) => log.error(`${part} did not stop cleanly: ${error.message}`)
    const recovered = recoverRestore(dataDir, new SecretBox(dataDir, config.keyring))
    const settings = new ConfigStore(dataDir, config.settings, config.sources ?? {}, config.keyring)
    // A restore that a kill cut off may have been finished just now.
    if (recovered?.state === 'after') settings.reload()
    parts.add('settings', () => settings.close())
    settingsService = settings
    const settingsNow = () => settings.now()
    // What the next start would refuse is refused now.
    settings.guard = (after) => refuseUnsafe({ ...config, settings: after })
    const jobs = new JobRegistry(settings, clock, log)

    const engines = new Engines({ dataDir, settings: settingsNow(), log })
    parts.add('storage', () => withLimit(engines.stop(), closeLimitMs))
    const store = new StoreSwitch(await engines.open(settingsNow().storage))
    const pipeline = await startPipeline({
      settings: settingsNow(),
      openWriterPort: (renew) => store.writerPort(renew),
      clock,
      log,
      journalFile: join(dataDir, 'run-journal.json'),
    })
    parts.add('pipeline', () => pipeline.stop())
    parts.add('pipeline queue', () => withLimit(pipeline.drain(), drainLimitMs))
    settings.subscribe((changed) => {
      pipeline.updateSettings(changed)
      log.level = changed.log.level
    })
    settings.onPinned = (traceIds) => store.setPinned(traceIds)
    settings.tellPinned()
    const retention = scheduleRetention(store, settingsNow, log)
    parts.add('retention', () => retention.stop())
    const cost = new OwnCost(clock)
    parts.add('own cost', () => cost.stop())

    const backups = new BackupService({
      dataDir,
      product: productVersion,
      settings,
      secrets: settings.secrets,
      store,
      jobs,
      clock,
      log,
    })
    parts.add('backups', () => backups.stop())
    const moving = {
      engines,
      store,
      settings,
      holdWrites: () => pipeline.holdWrites(),
      releaseWrites: () => pipeline.releaseWrites(),
    }
    jobs.register(switchJob(moving))
    jobs.register(deleteOldJob(moving))
    jobs.register(compactJob(store))
    // Stopped before what jobs work on.
    parts.add('jobs', () => withLimit(jobs.stop(), closeLimitMs))

    const doctor = new IntakeDoctor(clock)
    const exposed = !isLoopback(settingsNow().server.host)
    const receiverParts = {
      settings: settingsNow,
      pipeline,
      doctor,
      log,
      budget: new ByteBudget(() => settingsNow().receivers.maxInFlightBytes),
      ports: { http: settingsNow().server.otlpPort, grpc: settingsNow().server.otlpGrpcPort },
      slow: overrides.slow ?? slowLimits,
      ...(exposed ? { requireToken: token } : {}),
    }
    const otlpHttp = createOtlpHttpReceiver(receiverParts)
    const otlpGrpc = createOtlpGrpcReceiver(receiverParts)
    const { host, apiPort, otlpPort, otlpGrpcPort } = settingsNow().server
    const [http, grpc] = await Promise.all([otlpHttp.listen(host, otlpPort), otlpGrpc.listen(host, otlpGrpcPort)])
    parts.add('OTLP/HTTP', () => withLimit(otlpHttp.close(), closeLimitMs))
    parts.add('OTLP/gRPC', () => withLimit(otlpGrpc.close(), closeLimitMs))

    /** Null while storage does not answer: health must be able to say so. */
    const metricStats = () => store.metrics.metricStats().catch(() => null)
    /** Findings of the doctor, and the metrics of which series were refused since it was last asked. */
    const refusedBefore = new Map<string, number>()
    async function intakeReport(): Promise<IntakeReport> {
      const stats = await metricStats()
      const { refusedSeries = [], limits = settingsNow().metrics } = stats ?? {}
      for (const { metric, samples } of refusedSeries) {
        if (refusedBefore.get(metric) === samples) continue
        refusedBefore.set(metric, samples)
        const most = `${limits.maxSeriesPerMetric} series a metric, ${limits.maxSeries} in all`
        doctor.finding('series-limit', 'storage', `${metric} has more series than are taken (${most})`)
      }
      return doctor.report()
    }

    let api = ''
    const status = async (): Promise<StatusAnswer> => ({
      version: productVersion,
      endpoints: { otlp: http, otlpGrpc: grpc, api },
      storage: await store.stats(),
      intake: await intakeReport(),
    })
    const pipelineState = (): PipelineState => ({
      ...pipeline.state(),
      cpu: cost.cpu(),
      rssBytes: process.memoryUsage.rss(),
      startedAt: startedUs,
    })
    const metricsText = async (): Promise<string> =>
      selfMetricsText({
        version: productVersion,
        ledger: pipeline.ledger(),
        ...pipeline.state(),
        storage: await store.stats(),
        metrics: await metricStats(),
        cpuSeconds: cost.cpuSeconds(),
        rssBytes: process.memoryUsage.rss(),
        heapBytes: process.memoryUsage().heapUsed,
        eventLoopDelay: cost.eventLoopDelay(),
        startedUs,
      })
    const hostFigures = startHostFigures(settingsNow(), (intervalMs) => ({
      clock,
      intervalMs,
      version: productVersion,
      take: (round) => pipeline.ingestSamples(packDecoded(samplesOfRound(round))),
      problem: (sentence) => log.warn(sentence),
      ownReadings: () => [
        ...ledgerReadings(pipeline.ledger()),
        reading('glassbox_jobs_running', jobs.list().filter((job) => !jobEnded(job)).length),
      ],
    }))
    parts.add('host collector', () => withLimit(hostFigures.stop(), closeLimitMs))
    const scraping = startScraping({
      settings: settingsNow(),
      pipeline,
      problem: (sentence) => {
        log.warn(sentence)
        doctor.finding('scrape', 'scrape', sentence)
      },
    })
    parts.add('scrape', () => withLimit(scraping.stop(), closeLimitMs))
    const promql = createPromqlEngine({ reader: store.metrics, ...promqlConfiguration(settingsNow()) })
    parts.add('PromQL', () => withLimit(promql.stop(), closeLimitMs))
    settings.subscribe((changed) => {
      store.metrics.setLimits(changed.metrics)
      scraping.configure(changed)
      hostFigures.configure(changed)
      promql.configure(promqlConfiguration(changed))
    })
    jobs.register(
      exportJob({ dataDir, reader: store.reader, metrics: store.metrics, product: `Glassbox ${productVersion}` }),
    )
    const imports = new FileImports({ pipeline, clock, jobs })
    jobs.register(
      bundleJob({
        dataDir,
        product: productVersion,
        store,
        notes: (traceId) => settings.pins.notes(traceId),
        settings: settingsNow,
        clock,
      }),
    )
    const opened = new OpenedBundles({
      dataDir,
      settings: settingsNow,
      clock,
      log,
      promql: (reader) => createPromqlEngine({ reader, workers: 1, ...promqlConfiguration(settingsNow()) }),
    })
    parts.add('opened bundles', () => withLimit(opened.stop(), closeLimitMs))
    const server = createApiServer({
      dataDir,
      version: productVersion,
      pipeline,
      store,
      settings,
      jobs,
      backups,
      imports,
      opened,
      doctor,
      token,
      settingsNow,
      rendererDir: config.rendererDir,
      log,
      clock,
      status,
      pipelineState,
      metricsText,
      promql,
      boards: settings.boards,
      pins: settings.pins,
      scrapeTargets: () => scraping.targets(),
      scrapeMetadata: (metric) => scraping.metadata(metric),
      testScrapeJob: (job) => scraping.test(job),
      senderSeen: (peer, format, outcome) => doctor.sender(peer, 'remote-write', `${format} snappy`, outcome),
    })
    api = await server.listen(host, apiPort)
    parts.add('api', () => withLimit(server.close(), closeLimitMs))
    await jobs.resume()
    await backups.start(recovered)
    lock.announce(api)
    for (const { address, problem } of [http, grpc]) if (problem) log.warn(`${address} takes no telemetry: ${problem}`)
    log.info(`Glassbox ${productVersion} is ready at ${api}`)
    return { api, otlp: http.address, otlpGrpc: grpc.address, token }
  }

  function settings(): SettingsService {
    if (!settingsService) throw new Error('the host was not started')
    return settingsService
  }

  return { start, stop, settings }
}

function promqlConfiguration({ promql }: Settings): EngineConfiguration {
  const { timeoutMs, maxSamples, maxSeries, experimental } = promql
  return { timeoutMs, limits: { maxSamples, maxSeries }, features: experimental ? ALL_FEATURES : STABLE_FEATURES }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function refuseUnsafe({ settings, token }: HostConfig): void {
  if (!isLoopback(settings.server.host) && !token) {
    throw new GlassboxError(
      'bad_setting',
      `server.host ${settings.server.host} can be reached from other machines, and no token was given`,
      'Give one with --token TOKEN, or listen on 127.0.0.1.',
    )
  }
}

async function withLimit(work: Promise<void>, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const limit = new Promise<void>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took longer than ${limitMs} ms`)), limitMs)
  })
  try {
    await Promise.race([work, limit])
  } finally {
    clearTimeout(timer)
  }
}
