import type { BackupContentChoice } from '../../../../core/model/backup.ts'
import { parseTime } from '../../../ui/format-time.ts'
import type { BackupAnswers } from './use-backup-answers.ts'

type Content = Omit<BackupContentChoice, 'start' | 'end'> & { start?: string; end?: string }

const DAY_US = 86_400e6
const iso = (us: number): string => new Date(Math.floor(us / 1000)).toISOString()

/** What a backup of a part is asked for; `problem` names the key of the text that says what is wrong with the answers. */
export function partOf(
  { parts, range, from, to }: Pick<BackupAnswers, 'parts' | 'range' | 'from' | 'to'>,
  zone: string,
  nowUs: number,
): { content: Content; problem: 'nothing' | 'unreadable' | 'empty' | null } {
  const telemetry = parts.traces || parts.logs || parts.metrics
  if (!telemetry && !parts.settings) return { content: { ...parts }, problem: 'nothing' }
  if (!telemetry || range === 'all') return { content: { ...parts }, problem: null }
  if (range !== 'own')
    return { content: { ...parts, start: iso(nowUs - DAY_US * (range === 'day' ? 1 : 7)) }, problem: null }
  const [start, end] = [parseTime(from, zone, nowUs), parseTime(to, zone, nowUs)]
  if (start === null || end === null) return { content: { ...parts }, problem: 'unreadable' }
  if (end <= start) return { content: { ...parts }, problem: 'empty' }
  return { content: { ...parts, start: iso(start), end: iso(end) }, problem: null }
}
