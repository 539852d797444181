import type { SpanRecord } from '../../../../../core/model/records.ts'
import { AttributeText, bodyPart, pairsPart, type Reading } from './reading.ts'

/** Spans that send, receive or work on messages. */
export function readMessaging(span: SpanRecord): Reading | null {
  const text = new AttributeText(span)
  const system = text.get('messaging.system')
  if (system === '') return null
  const operation = text.get('messaging.operation.type', 'messaging.operation.name', 'messaging.operation')
  const destination = text.get('messaging.destination.name', 'messaging.destination', 'messaging.destination.template')
  return {
    kind: 'messaging',
    headline: [operation, destination].filter(Boolean).join(' ') || span.name,
    note: system,
    request: [
      ...pairsPart(
        'message',
        text.under('messaging.').filter(({ key }) => !/^(system|body)$|^(operation|destination)/.test(key)),
      ),
      ...pairsPart(
        'general',
        text.some('server.address', 'server.port', 'messaging.destination.partition.id', 'messaging.client.id'),
      ),
      ...bodyPart('body', text.get('messaging.message.body', 'messaging.body')),
    ],
    response: pairsPart('result', text.some('error.type')),
  }
}
