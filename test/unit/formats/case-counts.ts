import { fileURLToPath } from 'node:url'

/** Files from the field, kept beside the project; tests of them are passed over where the folder is absent. */
export const casesFolder = fileURLToPath(new URL('../../../../shared/cases', import.meta.url))

interface Counts {
  traces?: number
  spans?: number
  logs?: number
  errors?: number
  services?: number
}

/** What each file holds, as its README counts it. */
export const goodCases: [string, Counts][] = [
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
]

/** Files that are refused, and with which words. */
export const badCases: [string, RegExp][] = [
  ['broken/otlp-truncated.json', /byte \d+|the end/],
  ['broken/otlp-ids-neither-hex-nor-base64.json', /invalid_trace_id/],
  ['broken/otlp-non-hex-trace-id-15-char-span-id.json', /invalid_trace_id/],
  ['broken/otlp-unknown-span-kind.json', /invalid_kind/],
  ['broken/jaeger-trailing-comma.json', /line 2, column 1/],
]
