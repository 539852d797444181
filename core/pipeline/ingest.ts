import type { TelemetryBatch } from '../model/columns.ts'
import type { PackedDecoded } from '../model/packed-samples.ts'
import type { Ledger } from './ledger.ts'

/** How a body is to be decoded. */
export type IngestFormat = 'otlp-protobuf' | 'otlp-json' | 'zipkin-json' | 'remote-write-1' | 'remote-write-2'

/** One body as received, still compressed. `bytes` is handed over to the pipeline's thread. */
export interface IngestRequest {
  signal: 'traces' | 'logs' | 'metrics'
  format: IngestFormat
  encoding: 'identity' | 'gzip' | 'deflate' | 'snappy'
  bytes: Uint8Array
  /** Who sent it, for the intake doctor: `127.0.0.1:51234`. */
  peer: string
  transport: 'otlp-http' | 'otlp-grpc' | 'zipkin' | 'remote-write'
}

/** What became of it. Malformed or oversize bodies throw `malformed_body` or `too_large` and leave the ledger alone. */
export interface IngestOutcome {
  received: number
  accepted: number
  rejected: number
  dropped: number
  sampledOut: number
  /** One sentence for partial success, or empty. */
  message: string
  services: string[]
  /** How far the latest span or record lies after its receipt, µs; a sender's clock that is right gives 0. */
  aheadUs?: number
  /** The queue is full and `pipeline.overflow` is `refuse`: answer 503 with Retry-After, nothing was taken. */
  refused: boolean
  /** Of metrics: what is stored now, for remote write's answer. */
  written?: { samples: number; histograms: number; exemplars: number }
}

export function emptyOutcome(): IngestOutcome {
  return { received: 0, accepted: 0, rejected: 0, dropped: 0, sampledOut: 0, message: '', services: [], refused: false }
}

/** The pipeline as receivers and importers see it. */
export interface Pipeline {
  ingest(request: IngestRequest): Promise<IngestOutcome>
  /** Takes already decoded rows (file import); waits for room instead of dropping. */
  ingestBatch(batch: TelemetryBatch): Promise<IngestOutcome>
  /** Takes samples that a collector of our own or an import made; their columns are handed over. */
  ingestSamples(samples: { decoded: PackedDecoded; transfer: ArrayBuffer[] }): Promise<IngestOutcome>
  ledger(): Ledger
  /** Current one-in-N of normal traces; 1 = all kept. */
  sampleRate(): number
  /** Resolves when everything waiting now is stored or counted. */
  drain(): Promise<void>
  stop(): Promise<void>
}
