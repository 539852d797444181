import type { Settings } from '../config/settings.ts'
import type { IntakeDoctor } from '../health/intake-doctor.ts'
import type { ListenState } from '../model/answers.ts'
import type { Pipeline } from '../pipeline/ingest.ts'
import type { ByteBudget } from './read-body.ts'

/** After how long a client that sends too slowly is cut, ms. */
export interface SlowLimits {
  /** First bytes and headers. */
  headersMs: number
  /** The whole request. */
  requestMs: number
  /** How often that is looked at. */
  checkMs: number
}

/** Every slow client is gone within 30 s. */
export const slowLimits: SlowLimits = { headersMs: 15_000, requestMs: 25_000, checkMs: 5000 }

/** Where the OTLP ports really are, so that one can send to the other. A receiver writes its own when it listens. */
export interface OtlpPorts {
  http: number
  grpc: number
}

/** What every receiver is made from. */
export interface ReceiverOptions {
  settings: () => Settings
  pipeline: Pick<Pipeline, 'ingest'>
  doctor: IntakeDoctor
  /** Shared by all receivers. */
  budget: ByteBudget
  /** Shared by all receivers. */
  ports: OtlpPorts
  slow: SlowLimits
  log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
  /** Set when the host listens beyond loopback: senders must then show it. */
  requireToken?: string
}

export interface Receiver {
  /** Never throws: a taken port is reported in the answer, and the rest of the host goes on. */
  listen(host: string, port: number): Promise<ListenState>
  close(): Promise<void>
}
