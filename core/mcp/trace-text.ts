import type { KeyValue, SpanRecord, Trace } from '../model/records.ts'
import { plainText } from '../query/any-value.ts'
import type { Annotations } from './annotations.ts'
import { BoundedText, oneLine, shortDuration } from './bounded-text.ts'

/** Siblings of one name from which they are told as one line. */
const FOLD_FROM = 4
const SHOWN_ATTRIBUTES = [
  'http.request.method',
  'http.method',
  'http.route',
  'url.path',
  'url.full',
  'http.response.status_code',
  'http.status_code',
  'rpc.method',
  'rpc.grpc.status_code',
  'db.system.name',
  'db.system',
  'db.query.text',
  'db.statement',
  'messaging.destination.name',
  'gen_ai.request.model',
  'gen_ai.usage.input_tokens',
  'gen_ai.usage.output_tokens',
  'gen_ai.tool.name',
  'error.type',
]
const ATTRIBUTE_CHARS = 160

/**
 * A trace as an indented outline for a reader with little room: offset, duration, service and name a span, its telling
 * attributes, errors with their message and exception, notes that people wrote, runs of equal siblings as one line, logs
 * at the end.
 */
export function traceText(
  { traceId, summary, spans, logs, orphanCount }: Trace,
  { pinned, notes, moreNotes }: Annotations,
  maxChars: number,
): string {
  const text = new BoundedText(maxChars)
  text.line(
    `trace ${traceId}: ${summary.service} ${oneLine(summary.name, 120)}, ${shortDuration(summary.dur)}, ${summary.status}, ` +
      `${spans.length} spans, ${summary.errorCount} errors, started ${new Date(summary.start / 1000).toISOString()}${pinned ? ', pinned' : ''}`,
  )
  if (summary.mostTime) {
    const { service, name, count, share } = summary.mostTime
    text.line(`most time in: ${service} ${oneLine(name, 120)} ×${count}, ${Math.round(share * 100)} %`)
  }
  if (orphanCount > 0) text.line(`${orphanCount} spans name a parent that never arrived; they stand at the first level`)
  const children = new Map<string | null, SpanRecord[]>()
  const ids = new Set(spans.map(({ spanId }) => spanId))
  for (const span of spans) {
    const parent =
      span.parentId !== null && ids.has(span.parentId) && span.parentId !== span.spanId ? span.parentId : null
    children.set(parent, [...(children.get(parent) ?? []), span])
  }
  // Written with a stack of its own: a trace may be deeper than the call stack.
  const stack: { spans: SpanRecord[]; depth: number }[] = []
  const push = (list: SpanRecord[] | undefined, depth: number): void => {
    if (list) for (const run of runsOf(list, notes).reverse()) stack.push({ spans: run, depth })
  }
  const seen = new Set<SpanRecord>()
  push(children.get(null), 0)
  for (let next = stack.pop(); next; next = stack.pop()) {
    for (const span of next.spans) seen.add(span)
    if (next.spans.length > 1) text.line(runLine(next.spans, next.depth, summary.start))
    else {
      const [span] = next.spans
      for (const line of spanLines(span, next.depth, summary.start)) text.line(line)
      for (const note of notes.get(span.spanId) ?? [])
        text.line(`${'  '.repeat(Math.min(next.depth, 40))}  note by a person: ${note}`)
    }
    for (const span of next.spans)
      push(
        children.get(span.spanId)?.filter((child) => !seen.has(child)),
        next.depth + 1,
      )
  }
  const looped = spans.length - seen.size
  if (looped > 0) text.line(`${looped} spans name each other as parent and are left out`)
  if (moreNotes > 0) text.line(`${moreNotes} more notes on its spans`)
  for (const log of logs) {
    text.line(
      `log +${shortDuration(Math.max(0, log.time - summary.start))} ${log.severityText || log.severity} ${log.service}: ${oneLine(log.body, 300)}`,
    )
  }
  return text.finish('lines')
}

/** Leaves of one service and name that stand side by side without errors or notes are one run. */
function runsOf(spans: SpanRecord[], notes: Annotations['notes']): SpanRecord[][] {
  const groups = new Map<string, SpanRecord[]>()
  for (const span of spans) {
    const key = span.status === 'ERROR' || notes.has(span.spanId) ? span.spanId : `${span.service}\n${span.name}`
    groups.set(key, [...(groups.get(key) ?? []), span])
  }
  return [...groups.values()].flatMap((group) => (group.length < FOLD_FROM ? group.map((span) => [span]) : [group]))
}

function runLine(spans: SpanRecord[], depth: number, start: number): string {
  const [first] = spans
  const total = spans.reduce((sum, { dur }) => sum + dur, 0)
  const most = Math.max(...spans.map(({ dur }) => dur))
  return (
    `${'  '.repeat(depth)}+${shortDuration(first.start - start)} ×${spans.length} ${first.service} ${oneLine(first.name, 120)}: ` +
    `${shortDuration(total)} in all, longest ${shortDuration(most)}${told(first.attributes)}`
  )
}

function spanLines(span: SpanRecord, depth: number, start: number): string[] {
  const indent = '  '.repeat(Math.min(depth, 40))
  const failed = span.status === 'ERROR' ? ` ERROR ${oneLine(span.statusMessage, 200)}` : ''
  const lines = [
    `${indent}+${shortDuration(Math.max(0, span.start - start))} ${shortDuration(span.dur)} ${span.service} ${oneLine(span.name, 120)}` +
      `${told(span.attributes)}${failed} (span ${span.spanId})`,
  ]
  for (const { name, attributes = [] } of span.events) {
    if (name !== 'exception') continue
    const of = (key: string): string => plainText(attributes.find((attribute) => attribute.key === key)?.value)
    lines.push(`${indent}  exception ${of('exception.type')}: ${oneLine(of('exception.message'), 300)}`)
    const frames = of('exception.stacktrace')
      .split('\n')
      .filter((line) => /^\s*(at |File )/.test(line))
      .slice(0, 5)
    for (const frame of frames) lines.push(`${indent}    ${oneLine(frame, 200)}`)
  }
  return lines
}

function told(attributes: readonly KeyValue[]): string {
  const pairs = SHOWN_ATTRIBUTES.flatMap((key) => {
    const value = attributes.find((attribute) => attribute.key === key)?.value
    return value ? [`${key}=${oneLine(plainText(value), ATTRIBUTE_CHARS)}`] : []
  })
  return pairs.length > 0 ? ` [${pairs.join(', ')}]` : ''
}
