import { describe, expect, it } from 'vitest'
import type { IntakeReport, PipelineAnswer, StorageStats } from '../../../core/api/contract/shapes.ts'
import { intakeSteps, senderText } from '../../../renderer/features/connect/derive-steps.ts'
import { LANGUAGES, snippet } from '../../../renderer/features/connect/snippets.ts'

const signal = (changes: Partial<PipelineAnswer['traces']> = {}): PipelineAnswer['traces'] => ({
  received: 0,
  stored: 0,
  rejected: {},
  dropped: {},
  sampledOut: 0,
  waiting: 0,
  lost: 0,
  ...changes,
})
const size = { bytes: 0, blocks: 0, oldest: null, newest: null }
const storage = (spans: number): StorageStats => ({
  engine: 'sqlite',
  spans,
  logs: 0,
  traces: size,
  logsSize: size,
  fileBytes: 0,
  walBytes: 0,
  freeBytes: 0,
  mode: 'normal',
  modeSince: null,
  modeReason: null,
  retentionPaused: null,
})
const nobody: IntakeReport = { senders: [], findings: [] }
const states = (traces: PipelineAnswer['traces'], stored = 0, intake = nobody): string[] => {
  const {
    connected,
    accepted,
    waiting,
    stored: last,
  } = intakeSteps({ traces, logs: signal() }, storage(stored), intake)
  return [connected, accepted, waiting, last]
}

describe('the live strip', () => {
  it('tells the cases of a silent set-up apart', () => {
    expect(states(signal())).toEqual(['now', 'open', 'open', 'open'])
    expect(states(signal({ received: 3, rejected: { malformed: 3 } }))).toEqual(['done', 'failed', 'open', 'open'])
    expect(states(signal({ received: 3, waiting: 3 }))).toEqual(['done', 'done', 'now', 'open'])
    expect(states(signal({ received: 3, stored: 3 }), 3)).toEqual(['done', 'done', 'done', 'done'])
  })

  it('counts the same things as accepted and as stored, metric points apart', () => {
    const sender = { peer: '', transport: 'otlp-http' as const, encoding: '', services: [], lastSeen: 1 }
    const intake = { senders: [{ ...sender, accepted: 40, points: 30, rejected: 2 }], findings: [] }
    const ledger = { traces: signal({ received: 12, stored: 10, rejected: { malformed: 2 } }), logs: signal() }
    expect(intakeSteps(ledger, storage(10), intake).figures).toMatchObject({
      accepted: 10,
      stored: 10,
      points: 30,
      rejected: 2,
    })
    const metricsAlone = { senders: [{ ...sender, accepted: 30, points: 30, rejected: 0 }], findings: [] }
    expect(states(signal(), 0, metricsAlone)).toEqual(['done', 'done', 'done', 'done'])
  })

  it('is green for data of an earlier run', () => {
    expect(states(signal(), 12)).toEqual(['done', 'done', 'done', 'done'])
  })
})

describe('start commands', () => {
  it('carry the real address in every language', () => {
    const addresses = { http: 'http://localhost:14318', grpc: 'http://localhost:14317' }
    for (const language of LANGUAGES) expect(snippet(language, addresses).run).toContain('http://localhost:14318')
  })
})

it('names how a sender talks as people do', () => {
  expect(senderText({ transport: 'otlp-http', encoding: 'otlp-protobuf gzip' })).toBe('OTLP/HTTP, protobuf, gzip')
  expect(senderText({ transport: 'otlp-http', encoding: 'otlp-json identity' })).toBe('OTLP/HTTP, JSON')
  expect(senderText({ transport: 'otlp-grpc', encoding: '' })).toBe('OTLP/gRPC')
})
