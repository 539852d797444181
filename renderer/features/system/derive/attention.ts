import type { ServiceHealth, ServiceRow } from '../../../../core/model/answers.ts'
import type { Card } from './cards.ts'
import { changeLevel } from './latency.ts'

/** One thing that needs a look, with all that its sentence names. */
export type Attention =
  | { kind: 'latency'; row: ServiceRow; deploy: { service: string; version: string } | null }
  | { kind: 'errors'; row: ServiceRow }
  | { kind: 'disk'; share: number; name: string; fullIn: number | null }
  | { kind: 'memory'; share: number }
  | { kind: 'drops'; rate: number }
  | { kind: 'offline'; host: string; lastSeen: number }

const ERRORS_SHARE = 0.01
const DISK_SHARE = 0.9
const MEMORY_SHARE = 0.95
const MOST = 2
const FULL_WITHIN_US = 14 * 86_400e6

/** What needs a look, worst first; empty when all is well. */
export function attention(
  cards: readonly Card[],
  health: ServiceHealth | null,
  hosts: readonly { name: string; online: boolean; lastSeen: number }[],
): Attention[] {
  const found: Attention[] = []
  for (const row of health?.services ?? []) {
    if (changeLevel(row) !== 'fine') found.push({ kind: 'latency', row, deploy: lastDeploy(health, row) })
    else if (row.errors >= ERRORS_SHARE) found.push({ kind: 'errors', row })
  }
  const by = (key: Card['key']): Card | undefined => cards.find((card) => card.key === key)
  const drops = by('drops')?.value ?? 0
  if (drops > 0) found.push({ kind: 'drops', rate: drops })
  const disk = by('disk')
  if (disk?.value && disk.value >= DISK_SHARE)
    found.push({ kind: 'disk', share: disk.value, name: disk.name, fullIn: fullIn(disk) })
  const memory = by('memory')
  if (memory?.value && memory.of && memory.value / memory.of >= MEMORY_SHARE)
    found.push({ kind: 'memory', share: memory.value / memory.of })
  for (const host of hosts) if (!host.online) found.push({ kind: 'offline', host: host.name, lastSeen: host.lastSeen })
  return found
}

/** So many stand in the line; the rest is counted. */
export const shownAttention = (all: readonly Attention[]): readonly Attention[] => all.slice(0, MOST)

function lastDeploy(health: ServiceHealth | null, { peak }: ServiceRow): { service: string; version: string } | null {
  const before = (health?.marks ?? []).filter(({ time }) => peak === null || time <= peak.time)
  const last = before[before.length - 1]
  return last ? { service: last.service, version: last.version } : null
}

/** µs until the line reaches 1 at the pace of the range; null when it does not grow or takes long. */
function fullIn({ lines, value }: Card): number | null {
  const [line] = [...lines].sort((a, b) => (lastValue(b) ?? 0) - (lastValue(a) ?? 0))
  if (!line || value === null) return null
  const first = line.values.findIndex((one) => one !== null)
  const start = line.values[first]
  if (first < 0 || start == null || start >= value) return null
  const took = line.times[line.times.length - 1] - line.times[first]
  const left = ((1 - value) / (value - start)) * took
  return took > 0 && left < FULL_WITHIN_US ? left : null
}

const lastValue = ({ values }: { values: readonly (number | null)[] }): number | null =>
  values[values.length - 1] ?? null
