import type { Settings } from '../config/settings.ts'
import type { IntakeDoctor } from '../health/intake-doctor.ts'
import type { ListenState } from '../model/answers.ts'
import type { Pipeline } from '../pipeline/ingest.ts'

/** What every receiver is made from. */
export interface ReceiverOptions {
  settings: () => Settings
  pipeline: Pick<Pipeline, 'ingest'>
  doctor: IntakeDoctor
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
