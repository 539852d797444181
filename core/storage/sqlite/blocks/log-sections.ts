import { sectionNumbers } from './sections.ts'

/** What stands in which section of a block of log records: what every search needs. */
export const LOG_CORE = sectionNumbers(
  'rows',
  'seq',
  'timeUs',
  'timeNs',
  'observedUs',
  'observedNs',
  'timeSource',
  'severity',
  'traceIds',
  'spanIds',
  'services',
  'service',
  'resource',
  'scope',
  'flags',
)

/** What a record is shown by. */
export const LOG_BODY = sectionNumbers(
  'resources',
  'scopes',
  'body',
  'bodyType',
  'severityText',
  'eventName',
  'droppedAttributes',
)
