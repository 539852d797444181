import type { SpanRecord } from '../../../../../core/model/records.ts'
import { AttributeText, bodyPart, pairsPart, type Reading } from './reading.ts'

/** Names of gRPC's status codes by number. */
const GRPC = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

export function readRpc(span: SpanRecord): Reading | null {
  const text = new AttributeText(span)
  const system = text.get('rpc.system.name', 'rpc.system')
  if (system === '') return null
  const method = [text.get('rpc.service'), text.get('rpc.method')].filter(Boolean).join('/')
  const code = text.get('rpc.grpc.status_code', 'rpc.response.status_code')
  const named = /^\d+$/.test(code) && GRPC[Number(code)] ? `${code} ${GRPC[Number(code)]}` : code
  return {
    kind: 'rpc',
    headline: method || span.name,
    note: system,
    request: [
      ...pairsPart('general', text.some('server.address', 'server.port', 'client.address', 'network.peer.address')),
      ...pairsPart('headers', [...text.under('rpc.request.metadata.'), ...text.under('rpc.grpc.request.metadata.')]),
      ...bodyPart('body', text.get('rpc.request.body', 'rpc.request')),
    ],
    response: [
      ...pairsPart('result', [
        ...(named ? [{ key: 'status', value: named, hidden: false }] : []),
        ...text.some('error.type'),
      ]),
      ...pairsPart('headers', [...text.under('rpc.response.metadata.'), ...text.under('rpc.grpc.response.metadata.')]),
      ...bodyPart('body', text.get('rpc.response.body', 'rpc.response')),
    ],
  }
}
