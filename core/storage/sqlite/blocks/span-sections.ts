import { sectionNumbers } from './sections.ts'

/** What stands in which section of a block of spans: what every search needs. */
export const SPAN_CORE = sectionNumbers(
  'rows',
  'seq',
  'traceIndex',
  'traceIds',
  'spanIds',
  'parentSteps',
  'foreignParents',
  'startUs',
  'startNs',
  'durUs',
  'durNs',
  'kind',
  'status',
  'services',
  'service',
  'name',
  'resource',
  'scope',
  'flags',
  'marks',
  'sampleRate',
  'partials',
)

/** What only one span's own page needs. */
export const SPAN_REST = sectionNumbers(
  'resources',
  'scopes',
  'statusMessage',
  'traceState',
  'events',
  'links',
  'droppedAttributes',
  'droppedEvents',
  'droppedLinks',
)
