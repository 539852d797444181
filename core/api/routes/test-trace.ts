import { randomBytes } from 'node:crypto'
import type { Handlers } from '../handler.ts'

export const testTraceHandlers: Handlers<'sendTestTrace'> = {
  async sendTestTrace({ services: { pipeline, clock, version } }) {
    const traceId = randomBytes(16).toString('hex')
    const bodies = testTelemetry(traceId, clock.nowUs(), version)
    for (const signal of ['traces', 'logs'] as const) {
      const bytes = new TextEncoder().encode(JSON.stringify(bodies[signal]))
      const shared = { format: 'otlp-json', encoding: 'identity', peer: 'glassbox', transport: 'otlp-http' } as const
      await pipeline.ingest({ signal, bytes, ...shared })
    }
    await pipeline.drain()
    return { traceId }
  },
}

/** Two spans and a log record that say plainly what they are, as OTLP/JSON. */
function testTelemetry(traceId: string, nowUs: number, version: string) {
  const nano = (us: number): string => `${BigInt(Math.round(us)) * 1000n}`
  const [root, child] = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')]
  const resource = { attributes: [text('service.name', 'glassbox-test'), text('service.version', version)] }
  const scope = { name: 'glassbox.test-trace', version }
  const span = { traceId, flags: 1, status: { code: 1 } }
  const spans = [
    {
      ...span,
      spanId: root,
      name: 'test trace',
      kind: 2,
      startTimeUnixNano: nano(nowUs - 120_000),
      endTimeUnixNano: nano(nowUs),
    },
    {
      ...span,
      spanId: child,
      parentSpanId: root,
      name: 'test step',
      kind: 1,
      startTimeUnixNano: nano(nowUs - 100_000),
      endTimeUnixNano: nano(nowUs - 20_000),
      attributes: [text('glassbox.test', 'sent by Glassbox itself')],
    },
  ]
  const body = { stringValue: 'This is a test log record, sent by Glassbox itself.' }
  const time = { timeUnixNano: nano(nowUs - 50_000), observedTimeUnixNano: nano(nowUs) }
  const record = { ...time, severityNumber: 9, severityText: 'INFO', body, traceId, spanId: child, flags: 1 }
  return {
    traces: { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] },
    logs: { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords: [record] }] }] },
  }
}

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })
