import type { TraceStructure } from '../../../../core/model/trace-structure.ts'
import { duration, percent } from '../../../ui/format.ts'
import type { Culprit } from './culprit.ts'
import type { TraceLayout } from './layout.ts'
import type { Operation } from './operations.ts'

/** Words of the summary in the language of the page. */
export interface SummaryWords {
  sentence: string
  operation: string
  service: string
  calls: string
  self: string
  total: string
  errors: string
  open: string
}

/** A summary for an issue or a chat: what, how long, why, the operations with the most own time. */
export function markdownSummary(
  trace: TraceStructure,
  layout: TraceLayout,
  operations: readonly Operation[],
  culprit: Culprit | null,
  link: string,
  words: SummaryWords,
): string {
  const { summary } = trace
  const status = summary.http?.statusCode ? ` ${summary.http.statusCode}` : ''
  const lines = [
    `**${cell(summary.name)}** ${duration(layout.to - layout.from)}${status} · ${new Date(summary.start / 1000).toISOString()} · \`${trace.traceId}\``,
    '',
    ...(culprit ? [words.sentence, ''] : []),
    `| ${words.operation} | ${words.service} | ${words.calls} | ${words.self} | ${words.total} | ${words.errors} |`,
    '|---|---|--:|--:|--:|--:|',
    ...operations
      .slice(0, 8)
      .map(
        (one) =>
          `| ${cell(one.name)} | ${cell(one.owner)} | ${one.count} | ${duration(one.self)} (${percent(share(one.self, layout))}) | ${duration(one.total)} | ${one.errors} |`,
      ),
    '',
    `[${words.open}](${link})`,
  ]
  return lines.join('\n')
}

function share(self: number, layout: TraceLayout): number {
  const whole = layout.to - layout.from
  return whole > 0 ? Math.min(1, self / whole) : 0
}

/** Text from telemetry must not become markup. */
function cell(text: string): string {
  return text.replaceAll(/[\\|`*_<>[\]#]/g, '\\$&').replaceAll(/\s+/g, ' ')
}
