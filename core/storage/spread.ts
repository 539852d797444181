/** A trace of which parts lie further apart than this is a spread one, which both engines look at one by one, µs. */
export const SPREAD_US = 3_600_000_000
