import type { Ledger } from '../../pipeline/ledger.ts'
import { type Reading, reading } from './readings.ts'

/** What the pipeline took, keeps waiting and dropped, by signal, for the System screen and for PromQL. */
export function ledgerReadings(ledger: Ledger): Reading[] {
  return Object.entries(ledger).flatMap(([signal, one]) => [
    reading('glassbox_received_total', one.received, { signal }),
    reading('glassbox_waiting', one.waiting, { signal }),
    // From zero on, so that the first drop is an increase.
    reading(
      'glassbox_dropped_total',
      Object.values(one.dropped).reduce((all, n) => all + n, 0),
      { signal },
    ),
  ])
}
