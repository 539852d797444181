import type { LiveMessage } from '../core/api/contract/shapes.ts'
import type { Texts } from './texts.ts'

type Status = Extract<LiveMessage, { type: 'status' }>['data']

/** What the tray's icon says. `reason` is a key of the shell's words. */
export interface Health {
  level: 'ok' | 'warn' | 'error' | 'paused'
  reason: keyof Texts
}

/**
 * The state of the host in one colour; the worst thing wins.
 * @param droppedBefore spans and records dropped when last looked, null at first
 */
export function healthOf(status: Status, paused: boolean, droppedBefore: number | null): Health {
  const { storage, pipeline } = status
  if (storage.mode === 'away') return { level: 'error', reason: 'away' }
  if (storage.mode === 'disk-full') return { level: 'error', reason: 'diskFull' }
  if (storage.mode === 'read-only' || pipeline.glassbox.breaker === 'open')
    return { level: 'error', reason: 'readOnly' }
  if (paused) return { level: 'paused', reason: 'paused' }
  if (droppedBefore !== null && droppedOf(status) > droppedBefore) return { level: 'warn', reason: 'dropping' }
  return { level: 'ok', reason: 'healthy' }
}

/** Spans and records dropped so far for want of room; what a person paused is no loss. */
export function droppedOf({ pipeline }: Status): number {
  const full = ({ dropped }: { dropped: Record<string, number> }): number =>
    (dropped.queue_full ?? 0) + (dropped.queue_full_error ?? 0)
  return full(pipeline.traces) + full(pipeline.logs)
}
