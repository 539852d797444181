import { type DaySum, mergeDaySums } from '../storage/content-sum.ts'
import { SCAN_STEP_MS, type TelemetryScanner } from '../storage/scan.ts'
import type { DayTotal } from './archive/manifest.ts'
import { dayText } from './write-backup.ts'

/** What a store holds now, by signal and day. */
export async function sumsOf(scanner: TelemetryScanner, signal: AbortSignal): Promise<DayTotal[]> {
  const upTo = await scanner.scanMark()
  let sums: DaySum[] = []
  let after: string | null = null
  for (;;) {
    const request = { after, upTo, since: null, distinct: false, days: null }
    const part = await scanner.contentSums(request, { signal, timeoutMs: SCAN_STEP_MS })
    sums = mergeDaySums(sums, part.sums)
    if (part.done) return sums.map(({ signal: of, day, rows, sum }) => ({ signal: of, day: dayText(day), rows, sum }))
    after = part.cursor
  }
}
