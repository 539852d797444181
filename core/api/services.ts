import type { BackupService } from '../backup/backup-service.ts'
import type { Clock } from '../base/clock.ts'
import type { OpenedBundles } from '../bundle/opened-bundles.ts'
import type { ScrapeTargets, TargetMetadata } from '../collectors/scrape/scrape-pool.ts'
import type { BoardStore } from '../config/board-store.ts'
import type { SettingsService } from '../config/config-store.ts'
import type { PinStore } from '../config/pin-store.ts'
import type { ScrapeJob, Settings } from '../config/settings.ts'
import type { FileImports } from '../import/file-imports.ts'
import type { JobRegistry } from '../jobs/job-registry.ts'
import type { ScrapeTrial } from '../model/scrape.ts'
import type { IngestOutcome, Pipeline } from '../pipeline/ingest.ts'
import type { PromqlEngine } from '../query/promql/engine.ts'
import type { TelemetryStore } from '../storage/store.ts'
import type { IntakeReport, PipelineState, StatusAnswer } from './contract/shapes.ts'

/** Writes one structured line; pino's own order of arguments. */
export interface ApiLog {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What the api answers from. The host builds it; tests build it from in-memory parts. */
export interface ApiServices {
  version: string
  pipeline: Pipeline
  store: TelemetryStore
  settings: Pick<SettingsService, 'all' | 'patch' | 'importFile'>
  jobs: Pick<JobRegistry, 'list' | 'get' | 'cancel' | 'start' | 'ended' | 'subscribe'>
  backups: Pick<
    BackupService,
    | 'list'
    | 'create'
    | 'estimate'
    | 'test'
    | 'inspect'
    | 'verify'
    | 'remove'
    | 'upload'
    | 'plan'
    | 'restore'
    | 'undo'
    | 'importFile'
    | 'seen'
  >
  imports: Pick<FileImports, 'take'>
  /** Bundles that somebody sent. */
  opened: Pick<OpenedBundles, 'list' | 'open' | 'unlock' | 'view' | 'file' | 'password' | 'close'>
  doctor: { report(): IntakeReport }
  dataDir: string
  /** The secret every request under /api must bring. */
  token: string
  settingsNow(): Settings
  /** Folder of the built page; without it `/` says how to build it. */
  rendererDir?: string
  log: ApiLog
  clock: Clock
  status(): Promise<StatusAnswer>
  pipelineState(): PipelineState
  metricsText(): Promise<string>
  promql: PromqlEngine
  boards: BoardStore
  pins: PinStore
  /** A remote write request was taken, for the intake doctor. */
  senderSeen?(peer: string, format: string, outcome: IngestOutcome): void
  /** `data` of /api/v1/targets. */
  scrapeTargets(): Promise<ScrapeTargets>
  /** What each scrape target says of its metrics, or of one. */
  scrapeMetadata(metric: string | null): Promise<TargetMetadata[]>
  /** Scrapes every target of a job once and stores nothing. */
  testScrapeJob(job: ScrapeJob): Promise<ScrapeTrial>
}
