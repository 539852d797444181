import type { TraceSummary } from '../../../../core/model/records.ts'
import { equals, type FilterToken } from '../../../app/filter/terms.ts'

const HEALTH = /(^|[/\s])(health(z|-?checks?)?|ready(z|ness)?|live(z|ness)|ping|heartbeat|metrics)(\/|\?|$)/i
const MANY = 0.3

/** When health checks are more than 30 % of the list: their share, and the terms that leave them out. */
export function healthChecks(items: readonly TraceSummary[]): { share: number; terms: FilterToken[] } | null {
  const found = items.filter((item) => HEALTH.test(item.http?.route || item.name))
  if (items.length < 10 || found.length <= items.length * MANY) return null
  const terms = new Map<string, FilterToken>()
  for (const item of found) {
    const token = item.http?.route ? equals('http.route', item.http.route, true) : equals('name', item.name, true)
    terms.set(`${token.key}\n${token.value}`, token)
  }
  return { share: found.length / items.length, terms: [...terms.values()] }
}
