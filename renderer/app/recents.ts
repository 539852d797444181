import { useLocalStorage } from '@vueuse/core'
import type { TraceSummary } from '../../core/model/records.ts'

/** What the palette offers again: the commands used last, and the traces opened last. */
export type RecentTrace = Pick<TraceSummary, 'traceId' | 'name' | 'dur' | 'start' | 'status'>

const MOST_COMMANDS = 20
const MOST_TRACES = 8

const commands = useLocalStorage<string[]>('glassbox.recentCommands', [])
const traces = useLocalStorage<RecentTrace[]>('glassbox.recentTraces', [])

export const recentCommands: Readonly<{ value: string[] }> = commands
export const recentTraces: Readonly<{ value: RecentTrace[] }> = traces

export function rememberCommand(id: string): void {
  commands.value = [id, ...commands.value.filter((one) => one !== id)].slice(0, MOST_COMMANDS)
}

export function rememberTrace({ traceId, name, dur, start, status }: RecentTrace): void {
  traces.value = [
    { traceId, name, dur, start, status },
    ...traces.value.filter((one) => one.traceId !== traceId),
  ].slice(0, MOST_TRACES)
}
