import { createReadStream, existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { importFile } from '../../../core/formats/import/import-file.ts'

const folder = fileURLToPath(new URL('../../../../shared/cases', import.meta.url))
const NOW_US = 1_790_000_000_000_000

interface Found {
  traces: number
  spans: number
  logs: number
  errors: number
  services: number
  refused: string[]
}

async function read(file: string): Promise<Found> {
  const traces = new Set<string>()
  const services = new Set<string>()
  const found: Found = { traces: 0, spans: 0, logs: 0, errors: 0, services: 0, refused: [] }
  for await (const part of importFile(createReadStream(`${folder}/${file}`), file, NOW_US)) {
    if (part.refused) found.refused.push(part.refused.reason)
    if (!part.batch) continue
    for (const resource of part.batch.resources) services.add(resource.service)
    if (part.batch.signal === 'logs') found.logs += part.batch.n
    else {
      found.spans += part.batch.n
      for (let row = 0; row < part.batch.n; row++) {
        traces.add(Buffer.from(part.batch.traceId.subarray(row * 16, row * 16 + 16)).toString('hex'))
        if (part.batch.status[row] === 2) found.errors++
      }
    }
  }
  return { ...found, traces: traces.size, services: services.size }
}

describe.skipIf(!existsSync(folder))('files from the field', () => {
  it.each([
    ['otlp/demo-capture-traces-logs-metrics.jsonl', { traces: 141, spans: 547, logs: 23, errors: 107 }],
    ['otlp/proto-example-trace.json', { traces: 1, spans: 1, services: 1 }],
    ['otlp/proto-example-logs.json', { logs: 1 }],
    ['otlp/file-exporter-4-lines.jsonl', { traces: 1, spans: 4, services: 1, errors: 0 }],
    ['otlp/late-root-1-of-3.json', { traces: 1, spans: 5, services: 3 }],
    ['otlp/trace-for-linked-logs.json', { traces: 1, spans: 3, services: 1 }],
    ['otlp/logs-linked-to-trace.json', { logs: 3 }],
    ['otlp/logs-structured-bodies-with-span-ids.json', { logs: 5 }],
    ['otlp/span-links-with-attributes.json', { traces: 1, spans: 1 }],
    ['otlp/traces-19-requests-as-one.pb', { traces: 19, spans: 19, services: 8 }],
    ['otlp/logs-81-resources.pb', { logs: 81, services: 6 }],
    ['jaeger/genai-agent-57-spans.json', { traces: 1, spans: 57, services: 10, errors: 1 }],
    ['jaeger/follows-from-named-ids.json', { traces: 1, spans: 11, services: 2, errors: 1 }],
    ['jaeger/short-span-ids-overlapping-siblings.json', { traces: 1, spans: 8, services: 2 }],
    ['jaeger/typed-tags-big-int-foreign-reference.json', { traces: 1, spans: 5, services: 2, errors: 1 }],
    ['jaeger/critical-path-9-spans.json', { traces: 1, spans: 9, services: 9 }],
    ['jaeger/child-outlives-parent.json', { traces: 1, spans: 3 }],
    ['zipkin/mobile-web-install-1041-spans.json', { traces: 1, spans: 1041, services: 16, errors: 2 }],
    ['zipkin/shared-spans-yelp.json', { traces: 1, spans: 16, services: 6, errors: 0 }],
    ['zipkin/clock-skew.json', { traces: 1, spans: 4, services: 2 }],
    ['zipkin/messaging-kafka.json', { traces: 1, spans: 28, services: 2, errors: 3 }],
    ['zipkin/database-remote-endpoint.json', { traces: 1, spans: 5, services: 1 }],
    ['broken/otlp-ids-in-base64.jsonl', { traces: 19, spans: 19, services: 8 }],
    ['broken/otlp-missing-parent.json', { traces: 1, spans: 3, services: 2 }],
    ['broken/otlp-two-spans-same-id.json', { traces: 1, spans: 2 }],
    ['broken/jaeger-two-spans-same-id.json', { traces: 1, spans: 4 }],
  ])('%s', async (file, right) => {
    expect(await read(file)).toMatchObject({ ...right, refused: [] })
  })

  it.each([
    ['broken/otlp-truncated.json', /byte \d+|the end/],
    ['broken/otlp-ids-neither-hex-nor-base64.json', /invalid_trace_id/],
    ['broken/otlp-non-hex-trace-id-15-char-span-id.json', /invalid_trace_id/],
    ['broken/otlp-unknown-span-kind.json', /invalid_kind/],
    ['broken/jaeger-trailing-comma.json', /line 2, column 1/],
  ])('%s is refused with its reason', async (file, reason) => {
    const found = await read(file)
    expect(found.spans + found.logs).toBe(0)
    expect(found.refused.join('\n')).toMatch(reason)
  })
})
