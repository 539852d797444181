import { serviceOf } from './lines.ts'
import type { UnitOfValue } from './unit.ts'

const MINUTE = 60e6

/**
 * The Traces screen around a point: a minute before and after, the line's own service, errors where the line counts
 * errors, and for latencies at least the value itself.
 */
export function tracesAround(
  time: number,
  labels: Record<string, string>,
  value: number,
  { unit, perSecond }: UnitOfValue,
  isService: (name: string) => boolean = () => false,
): Record<string, string> {
  const query: Record<string, string> = {
    start: String(Math.round(time - MINUTE)),
    end: String(Math.round(time + MINUTE)),
  }
  const service = serviceOf(labels, isService)
  if (service) query['service'] = service
  if (/error/i.test(labels['status_code'] ?? labels['status'] ?? '')) query['status'] = 'error'
  const ms = unit === 'seconds' ? value * 1000 : unit === 'ms' ? value : 0
  if (!perSecond && Number.isFinite(ms) && ms > 0)
    query['minDuration'] = ms >= 1 ? `${Math.floor(ms)}ms` : `${Math.floor(ms * 1000)}us`
  return query
}
