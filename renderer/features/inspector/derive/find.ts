import { idAt, type TraceStructure } from '../../../../core/model/trace-structure.ts'

/** Spans (ascending) whose name, service, other party or id holds the text in any case, and those found elsewhere. */
export function findSpans(trace: TraceStructure, text: string, elsewhere: readonly number[]): number[] {
  const wanted = text.trim().toLowerCase()
  if (wanted === '') return []
  const holds = (one: string): boolean => one.toLowerCase().includes(wanted)
  const names = trace.names.map(holds)
  const services = trace.services.map(holds)
  const peers = trace.peers.map((peer) => peer !== '' && holds(peer))
  const asId = /^[0-9a-f]{4,16}$/.test(wanted)
  const more = new Set(elsewhere)
  const found: number[] = []
  for (let span = 0; span < trace.start.length; span++) {
    if (
      names[trace.name[span]] ||
      services[trace.service[span]] ||
      peers[trace.peer[span]] ||
      more.has(span) ||
      (asId && idAt(trace.spanIds, span).startsWith(wanted))
    )
      found.push(span)
  }
  return found
}
