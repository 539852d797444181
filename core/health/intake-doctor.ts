import type { FindingKind, IntakeFinding, IntakeReport, IntakeSender } from '../api/contract/shapes.ts'
import type { Clock } from '../base/clock.ts'
import type { IngestOutcome } from '../pipeline/ingest.ts'

const MAX_SENDERS = 64
const MAX_FINDINGS = 100
const MAX_DETAIL = 500
/** From so far ahead a clock is called wrong, µs; named by the largest that it passes, so that it is told once. */
const AHEAD: [us: number, text: string][] = [
  [86_400e6, 'a day'],
  [3600e6, 'an hour'],
  [60e6, 'a minute'],
]

/** Remembers who sent telemetry and what went wrong on the way in. Bounded: the oldest leave. */
export class IntakeDoctor {
  #clock: Clock
  #senders = new Map<string, IntakeSender>()
  #findings = new Map<string, IntakeFinding>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A request was taken, wholly or in part. */
  sender(peer: string, transport: IntakeSender['transport'], encoding: string, outcome: IngestOutcome): void {
    const host = hostOf(peer)
    const key = `${transport} ${host} ${outcome.services.join(',')}`
    const known = this.#senders.get(key)
    this.#senders.delete(key)
    this.#senders.set(key, {
      peer,
      transport,
      encoding,
      services: outcome.services,
      accepted: (known?.accepted ?? 0) + outcome.accepted,
      points: (known?.points ?? 0) + (outcome.written ? outcome.accepted : 0),
      rejected: (known?.rejected ?? 0) + outcome.rejected,
      lastSeen: this.#clock.nowUs(),
    })
    dropOldest(this.#senders, MAX_SENDERS)
    if (outcome.rejected > 0) this.finding('rejected', peer, outcome.message)
    if (outcome.dropped > 0) this.finding('overload', peer, outcome.message)
    const ahead = AHEAD.find(([us]) => (outcome.aheadUs ?? 0) > us)
    if (ahead) {
      const who = outcome.services.join(', ')
      this.finding('clock-skew', peer, `times of ${who} lie more than ${ahead[1]} ahead of the clock of this machine`)
    }
    if (outcome.services.includes('unknown_service')) {
      this.finding('missing-service-name', peer, 'resource has no service.name: set OTEL_SERVICE_NAME in the app')
    }
  }

  /** Something went wrong; the same thing from the same host is counted, not listed again. */
  finding(kind: FindingKind, peer: string, detail: string): void {
    const now = this.#clock.nowUs()
    const said = detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL)}…` : detail
    const key = `${kind} ${hostOf(peer)} ${said}`
    const known = this.#findings.get(key)
    this.#findings.delete(key)
    this.#findings.set(key, {
      kind,
      peer,
      detail: said,
      count: (known?.count ?? 0) + 1,
      firstSeen: known?.firstSeen ?? now,
      lastSeen: now,
    })
    dropOldest(this.#findings, MAX_FINDINGS)
  }

  /** Newest first. */
  report(): IntakeReport {
    return { senders: [...this.#senders.values()].reverse(), findings: [...this.#findings.values()].reverse() }
  }
}

function hostOf(peer: string): string {
  return peer.replace(/:\d+$/, '')
}

function dropOldest(map: Map<string, unknown>, limit: number): void {
  for (const key of map.keys()) {
    if (map.size <= limit) return
    map.delete(key)
  }
}
