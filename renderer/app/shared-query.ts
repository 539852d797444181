import type { LocationQuery } from 'vue-router'

const SHARED = ['range', 'start', 'end', 'live', 'service']

/** The part of the address that every screen shares, so that a change of screen keeps range and service. */
export function sharedQuery(query: LocationQuery): LocationQuery {
  return Object.fromEntries(Object.entries(query).filter(([key]) => SHARED.includes(key)))
}
