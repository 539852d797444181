import { defaultSettings } from '../config/settings.ts'
import { SampleBatchBuilder } from '../model/sample-batch-builder.ts'
import { scanAll } from '../storage/scan.ts'
import { openBackupSource } from './open-source.ts'
import type { Hooks } from './operations.ts'
import type { RestoreTarget } from './restore-telemetry.ts'

/** A telemetry file that is out of use, and where in it the rows begin that are wanted. */
export interface CarryOrder {
  folder: string
  after: string
  sinceMs: number
}

const SAMPLES_A_WRITE = 50_000

/** Writes what came into the file after a mark to the target. */
export async function carryRows(
  { folder, after, sinceMs }: CarryOrder,
  target: RestoreTarget,
  { signal }: Hooks,
): Promise<void> {
  const source = await openBackupSource(folder, defaultSettings.storage)
  try {
    const upTo = await source.scanner.scanMark()
    for await (const { spans, logs, cursor } of scanAll(source.scanner, { after, upTo, since: null }, signal))
      if (spans.length + logs.length > 0) await target.write({ spans, logs }, cursor)
    let waiting = new SampleBatchBuilder()
    for await (const series of source.metrics?.samples(sinceMs, Number.MAX_SAFE_INTEGER) ?? []) {
      waiting.addSeries(series)
      if (waiting.count < SAMPLES_A_WRITE) continue
      await target.writeSamples(waiting.finish())
      waiting = new SampleBatchBuilder()
    }
    if (waiting.count > 0) await target.writeSamples(waiting.finish())
  } finally {
    await source.close()
  }
}
