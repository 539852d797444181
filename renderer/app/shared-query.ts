import type { LocationQuery } from 'vue-router'

const SHARED = ['range', 'start', 'end', 'live', 'service', 'bundle']

/** Which values the parameters that every timed screen shares may have. */
export const SHARED_CHECKS: Record<string, RegExp | null> = {
  range: /^\d+(s|m|h|d|w)$/,
  start: /^(\d{1,16}|\d{4}-\d\d-\d\dT.+)$/,
  end: /^(\d{1,16}|\d{4}-\d\d-\d\dT.+)$/,
  live: /^1$/,
  bundle: null,
}

/** The part of the address that every screen shares, so that a change of screen keeps range and service. */
export function sharedQuery(query: LocationQuery): LocationQuery {
  return Object.fromEntries(Object.entries(query).filter(([key]) => SHARED.includes(key)))
}
