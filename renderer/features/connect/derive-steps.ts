import type { IntakeReport, IntakeSender, PipelineAnswer, StorageStats } from '../../../core/api/contract/shapes.ts'

type Ledger = Pick<PipelineAnswer, 'traces' | 'logs' | 'metrics'>

type StepState = 'done' | 'now' | 'open' | 'failed'

export interface IntakeSteps {
  connected: StepState
  accepted: StepState
  waiting: StepState
  stored: StepState
  figures: {
    /** Spans and log records. */
    accepted: number
    /** Metric points of senders: they are stored when they are answered, so accepted and stored are one figure. */
    points: number
    rejected: number
    waiting: number
    stored: number
    peer: string
    transport: string
    services: string[]
  }
}

const TRANSPORTS = {
  'otlp-http': 'OTLP/HTTP',
  'otlp-grpc': 'OTLP/gRPC',
  'remote-write': 'Remote write',
  zipkin: 'Zipkin',
} as const

/** How a sender talks, as people call it: `OTLP/HTTP, protobuf, gzip`. */
export function senderText({ transport, encoding }: Pick<IntakeSender, 'transport' | 'encoding'>): string {
  const words = encoding.split(/[\s,]+/).map((word) => word.replace(/^(otlp|zipkin)-/, '').replace(/^json$/, 'JSON'))
  return [TRANSPORTS[transport], ...words.filter((word) => word !== '' && word !== 'identity')].join(', ')
}

const sum = (counts: Record<string, number>): number => Object.values(counts).reduce((total, n) => total + n, 0)

/** How far the first data has come. Green only when the store really holds it. */
export function intakeSteps(
  ledger: Pick<Ledger, 'traces' | 'logs'>,
  storage: StorageStats,
  intake: IntakeReport,
): IntakeSteps {
  const signals = [ledger.traces, ledger.logs]
  const total = (pick: (signal: Ledger['traces']) => number): number =>
    signals.reduce((n, signal) => n + pick(signal), 0)
  const received = total((signal) => signal.received)
  const bySender = (pick: (sender: IntakeSender) => number): number =>
    intake.senders.reduce((n, sender) => n + pick(sender), 0)
  const refused = total((signal) => sum(signal.rejected))
  // What the ledger refused its senders know of, too; they alone know of refused points.
  const rejected = Math.max(
    refused,
    bySender((sender) => sender.rejected),
  )
  const points = bySender((sender) => sender.points)
  const waiting = total((signal) => signal.waiting)
  const stored = Math.max(
    storage.spans + storage.logs,
    total((signal) => signal.stored),
  )
  const hasStored = stored + points > 0
  const accepted = Math.max(
    received - refused,
    bySender((sender) => sender.accepted - sender.points),
    stored,
  )
  const last = [...intake.senders].sort((a, b) => b.lastSeen - a.lastSeen)[0]
  const connected = hasStored || intake.senders.length > 0 || received > 0
  const isAccepted = hasStored || accepted > 0
  const failed = connected && !isAccepted && rejected > 0
  return {
    connected: connected ? 'done' : 'now',
    accepted: isAccepted ? 'done' : failed ? 'failed' : connected ? 'now' : 'open',
    waiting: hasStored ? 'done' : isAccepted ? 'now' : 'open',
    stored: hasStored ? 'done' : 'open',
    figures: {
      accepted,
      points,
      rejected,
      waiting,
      stored,
      peer: last?.peer ?? '',
      transport: last ? senderText(last) : '',
      services: last?.services ?? [],
    },
  }
}
