import type { MetricWriter } from '../storage/metric-store.ts'
import type { TelemetryWriter } from '../storage/store.ts'
import type { RestoreTarget } from './restore-telemetry.ts'

/** A store as the target of a restore, whose rows are kept together under the name of the move. */
export function storeTarget(store: { writer: TelemetryWriter; metrics: MetricWriter }, move: string): RestoreTarget {
  return {
    write: async (batches, cursor) => void (await store.writer.writeMoved(batches, { move, cursor })),
    writeSamples: (batch) => store.metrics.writeSamples(batch),
  }
}
