import { AttrType } from '../../../model/columns.ts'
import type { AnyValue, LogRecord } from '../../../model/records.ts'
import { rowAttributes } from '../blocks/attribute-value.ts'
import { bloomHas, traceHash } from '../blocks/bloom.ts'
import type { LogBlock } from '../blocks/log-block.ts'
import { hex } from '../row-ids.ts'
import type { BlockCache } from './block-cache.ts'
import type { QueryGuard } from './query-guard.ts'
import { resourceRecord, scopeRecord } from './shared-records.ts'

/**
 * Which of its write's records each row is, counted within the block. With the write's number and the time it names a
 * record for good: merging keeps the records of one write together and in order.
 */
export function ordinals(block: LogBlock): Uint32Array {
  const { seq, rows } = block
  const counted = new Map<number, number>()
  const out = new Uint32Array(rows)
  for (let row = 0; row < rows; row++) {
    const before = counted.get(seq[row]) ?? 0
    out[row] = before
    counted.set(seq[row], before + 1)
  }
  return out
}

/** A row that is to be read: its block and where in it. */
export interface LogRow {
  block: LogBlock
  row: number
  time: number
  ns: number
  seq: number
  ordinal: number
}

/** Newest first; the order of every list of log records. */
export function newestLogFirst(a: LogRow, b: LogRow): number {
  return b.time - a.time || b.ns - a.ns || b.seq - a.seq || b.ordinal - a.ordinal
}

export function logRow(block: LogBlock, row: number, ordinal: number): LogRow {
  return { block, row, time: block.timeUs[row], ns: block.timeNs[row], seq: block.seq[row], ordinal }
}

const SOURCES = ['time', 'observed', 'received'] as const

export function logRecord({ block, row, time, ns, seq, ordinal }: LogRow): LogRecord {
  const type = block.bodyType[row]
  const body = block.body(row)
  return {
    id: `${time.toString(36)}-${seq.toString(36)}-${ordinal.toString(36)}`,
    time,
    timeNs: ns,
    timeSource: SOURCES[block.timeSource[row]] ?? 'time',
    severity: block.severity[row],
    severityText: block.severityText(row),
    service: block.services[block.service[row]],
    body,
    bodyValue: type === AttrType.json ? (JSON.parse(body) as AnyValue) : null,
    eventName: block.eventName(row),
    traceId: hex(block.traceIds, row * 16, 16),
    spanId: hex(block.spanIds, row * 8, 8),
    attributes: rowAttributes(block, row),
    resource: resourceRecord(block.resources()[block.resource[row]]),
    scope: scopeRecord(block.scopes()[block.scope[row]]),
    flags: block.flags[row],
    droppedAttributesCount: block.dropped(row),
  }
}

/** Leaves the rows with a trace id (16 bytes that are not all zero), or those without. */
export function keepTraced(mask: Uint8Array, ids: Uint8Array, traced: boolean): void {
  for (let row = 0; row < mask.length; row++) {
    let any = 0
    for (let at = row * 16; at < row * 16 + 16; at++) any |= ids[at]
    if ((any !== 0) !== traced) mask[row] = 0
  }
}

/** Clears the rows of `mask` whose id is not `wanted`. */
export function keepIds(mask: Uint8Array, ids: Uint8Array, wanted: Uint8Array): void {
  const width = wanted.length
  for (let row = 0; row < mask.length; row++) {
    for (let i = 0; i < width && mask[row] !== 0; i++) if (ids[row * width + i] !== wanted[i]) mask[row] = 0
  }
}

/** All log records of one trace, oldest first. */
export function logsOfTrace(cache: BlockCache, guard: QueryGuard, id: Uint8Array): LogRecord[] {
  const { hi, lo } = traceHash(id, 0)
  const rows: LogRow[] = []
  for (const meta of cache.logMetas()) {
    if (!bloomHas(meta.traceBloom, hi, lo)) continue
    guard.check()
    const block = cache.logBlock(meta)
    const mask = new Uint8Array(block.rows).fill(1)
    keepIds(mask, block.traceIds, id)
    if (!mask.includes(1)) continue
    const ordinalOf = ordinals(block)
    for (let row = 0; row < block.rows; row++) if (mask[row]) rows.push(logRow(block, row, ordinalOf[row]))
  }
  return rows.sort((a, b) => newestLogFirst(b, a)).map(logRecord)
}
