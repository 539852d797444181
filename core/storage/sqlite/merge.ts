import type Database from 'better-sqlite3'
import type { SpanBatch } from '../../model/columns.ts'
import { selectRows } from '../../model/select-rows.ts'
import type { BlockWriter } from './block-writer.ts'
import { type BlockName, DamagedBlock } from './blocks/damaged-block.ts'
import { encodeLogBlocks } from './blocks/encode-log-block.ts'
import { encodeSpanBlocks } from './blocks/encode-span-block.ts'
import { MAX_BLOCK_ROWS } from './blocks/pack-rows.ts'
import { openLogBlock, openSpanBlock } from './open-block.ts'
import { firstOfTheirKind, HashSet } from './recent-spans.ts'
import { deleteBlock } from './remove-blocks.ts'
import { troubleOf } from './storage-trouble.ts'

interface Candidate {
  id: number
  day: number
  rows: number
  min_received: number
  max_received: number
}

/** Blocks that are large enough already; smaller ones are merged. */
const FULL = MAX_BLOCK_ROWS / 2
/** A tier must have so many small neighbours before they are merged, so that each row is rewritten only a few times. */
const FAN_IN = 8
/** Blocks received further apart stay apart, so that retention can drop them whole. */
const MAX_AGE_SPREAD_US = 6 * 3600 * 1e6

/** The next run of neighbours worth merging, or none. With `eager`, two are enough. */
function nextRun(
  db: Database.Database,
  table: 'span' | 'log',
  eager: boolean,
  unreadable: ReadonlySet<number>,
): Candidate[] {
  const small = db
    .prepare(
      `SELECT id, day, rows, min_received, max_received FROM ${table}_block
       WHERE rows < ? AND id NOT IN (SELECT id FROM damaged_block WHERE signal = ?) ORDER BY day, first_seq, id`,
    )
    .all(FULL, table) as Candidate[]
  let run: Candidate[] = []
  let rows = 0
  let best: Candidate[] = []
  const close = (): void => {
    if (run.length > best.length && run.length >= (eager ? 2 : FAN_IN)) best = run
    run = []
    rows = 0
  }
  for (const candidate of small) {
    if (unreadable.has(candidate.id)) continue
    const first = run[0]
    const spread = first && candidate.max_received - first.min_received > MAX_AGE_SPREAD_US
    if (first && (candidate.day !== first.day || spread || rows + candidate.rows > MAX_BLOCK_ROWS || run.length >= 64))
      close()
    run.push(candidate)
    rows += candidate.rows
  }
  close()
  return best
}

/** Merges one run of small blocks in one transaction. Answers whether there was one. Blocks of `unreadable` stay out. */
export function mergeOnce(
  db: Database.Database,
  writer: BlockWriter,
  eager: boolean,
  unreadable: { span: Set<number>; log: Set<number> },
  setAside: (block: BlockName) => void,
): boolean {
  const spans = nextRun(db, 'span', eager, unreadable.span)
  if (spans.length > 0) return attempt(spans, unreadable.span, setAside, () => mergeSpans(db, writer, spans))
  const logs = nextRun(db, 'log', eager, unreadable.log)
  return logs.length > 0 && attempt(logs, unreadable.log, setAside, () => mergeLogs(db, writer, logs))
}

/**
 * A damaged block is set aside and its neighbours are merged without it. A run that fails otherwise is left as it is, or
 * merging would fail on it for ever.
 */
function attempt(
  run: Candidate[],
  unreadable: Set<number>,
  setAside: (block: BlockName) => void,
  merge: () => void,
): boolean {
  try {
    merge()
  } catch (error) {
    if (error instanceof DamagedBlock) {
      unreadable.add(error.block.id)
      setAside(error.block)
      return true
    }
    if (troubleOf(error) !== null) throw error
    for (const { id } of run) unreadable.add(id)
  }
  return true
}

function mergeSpans(db: Database.Database, writer: BlockWriter, run: Candidate[]): void {
  const parts = run.map(({ id, min_received, max_received }) => {
    const { batch, seqs } = openSpanBlock(db, id).toBatch()
    return { batch: { ...batch, receivedUs: max_received }, seq: seqs, minReceived: min_received }
  })
  const { kept, repeated } = dropRepeated(parts)
  const blocks = encodeSpanBlocks(kept)
  db.transaction(() => {
    for (const { id } of run) deleteBlock(db, 'span', id)
    for (const block of blocks) writer.insertSpans(block, 1)
    if (repeated > 0) {
      db.prepare(
        "INSERT INTO meta VALUES ('repeated', ?) ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
      ).run(repeated)
    }
  }).immediate()
  writer.mergedAway += repeated
}

interface Part {
  batch: SpanBatch
  seq: Uint32Array
  minReceived: number
}

/** Spans that a restarted writer could not know to be stored already: of each the first received is kept. */
function dropRepeated(parts: Part[]): { kept: Part[]; repeated: number } {
  let capacity = 64
  while (capacity < parts.reduce((sum, { batch }) => sum + batch.n, 0)) capacity *= 2
  const seen = new HashSet(capacity)
  let repeated = 0
  const kept = parts.map((part) => {
    const keep = firstOfTheirKind(part.batch, seen)
    if (!keep) return part
    const batch = selectRows(part.batch, keep)
    repeated += part.batch.n - batch.n
    return { ...part, batch, seq: part.seq.filter((_, row) => keep[row] === 1) }
  })
  return { kept: kept.filter(({ batch }) => batch.n > 0), repeated }
}

function mergeLogs(db: Database.Database, writer: BlockWriter, run: Candidate[]): void {
  const parts = run.map(({ id, min_received, max_received }) => {
    const { batch, seqs } = openLogBlock(db, id).toBatch()
    return { batch: { ...batch, receivedUs: max_received }, seq: seqs, minReceived: min_received }
  })
  const blocks = encodeLogBlocks(parts)
  db.transaction(() => {
    for (const { id } of run) deleteBlock(db, 'log', id)
    for (const block of blocks) writer.insertLogs(block, 1)
  }).immediate()
}
