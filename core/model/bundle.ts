import type { SpanNote } from './pins.ts'
import type { SpanStatus } from './records.ts'

/** Debug bundles: chosen traces with what was around them, as a file for another person. Times are µs since 1970. */

/** Most traces that one bundle is asked for. */
export const MOST_BUNDLE_TRACES = 1000

/** What a bundle is made of, as it travels and is kept with its job. */
export interface BundleRequest {
  traceIds: string[]
  title: string
  /** From the one who makes it to the one who opens it. */
  note: string
  logs: boolean
  metrics: boolean
  /** How much before and after the traces metrics are taken, µs. */
  around: number
  /** Attribute keys that are left out besides those of the settings. */
  removeKeys: string[]
}

/** A trace as the list of a bundle's content names it. */
export interface BundledTrace {
  traceId: string
  service: string
  name: string
  start: number
  dur: number
  status: SpanStatus
  spanCount: number
}

/** What a bundle says of itself. */
export interface BundleAbout {
  title: string
  note: string
  /** Name of the machine it was made on. */
  madeOn: string
  /** Ends of all that is in it. */
  start: number
  end: number
  traces: BundledTrace[]
  /** What was written beside their spans. */
  notes: SpanNote[]
  spans: number
  logs: number
  samples: number
  /** Hosts whose metrics are in it. */
  hosts: string[]
  /** Keys and words that redaction went by. */
  removed: string[]
  masked: string[]
  warnings: string[]
}

/** A bundle that was dropped on this Glassbox. `locked` until its password is given. */
export interface OpenedBundle {
  id: string
  /** Name of the file that was dropped. */
  file: string
  bytes: number
  openedAt: number
  createdAt: number
  state: 'open' | 'locked'
  /** Null while it is locked. */
  about: (BundleAbout & { product: string; engine: string }) | null
}

const BUNDLE_EXTENSION = '.bundle.glassbox'

/** What a file of a bundle is called: `slow checkout` → `slow-checkout.bundle.glassbox`. */
export function bundleFileName(title: string): string {
  const name = title
    .normalize('NFC')
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')
    .slice(0, 80)
  return `${name || 'debug'}${BUNDLE_EXTENSION}`
}

/** Whether a file looks like a bundle by its name; what is in it counts. */
export const isBundleName = (name: string): boolean => name.toLowerCase().endsWith(BUNDLE_EXTENSION)

/** Where the page shows a bundle: its only trace, or the list of them; µs around it, so that nothing lies on the edge. */
export function pageOfBundle({ id, about }: Pick<OpenedBundle, 'id' | 'about'>): string {
  if (!about) return `/traces?bundle=${id}`
  const path = about.traces.length === 1 ? `/traces/${about.traces[0].traceId}` : '/traces'
  const margin = Math.max(1e6, Math.round((about.end - about.start) * 0.05))
  return `${path}?bundle=${id}&start=${Math.max(0, about.start - margin)}&end=${about.end + margin}`
}
