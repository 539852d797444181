/** Answers of OTLP in both encodings: google.rpc.Status for errors, partial success for the rest (OTLP 1.11). */

export type AnswerEncoding = 'protobuf' | 'json'

/** Answers must stay below 4 MiB. */
const MAX_MESSAGE = 1024

function varint(value: number): number[] {
  const out: number[] = []
  let rest = value
  while (rest > 127) {
    out.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  out.push(rest)
  return out
}

function field(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...varint(bytes.length)]), bytes])
}

/** @param code a gRPC status code */
export function statusBody(encoding: AnswerEncoding, code: number, message: string): Uint8Array {
  const text = message.slice(0, MAX_MESSAGE)
  if (encoding === 'json') return Buffer.from(JSON.stringify({ code, message: text }))
  return Buffer.concat([Buffer.from([0x08, ...varint(code)]), field(2, Buffer.from(text))])
}

/** Empty on full success; `rejected` 0 with a message is a warning. */
export function exportAnswer(
  encoding: AnswerEncoding,
  signal: 'traces' | 'logs' | 'metrics',
  rejected: number,
  message: string,
): Uint8Array {
  if (rejected === 0 && message === '') return Buffer.from(encoding === 'json' ? '{}' : '')
  const text = message.slice(0, MAX_MESSAGE)
  if (encoding === 'json') {
    const name = signal === 'traces' ? 'rejectedSpans' : signal === 'logs' ? 'rejectedLogRecords' : 'rejectedDataPoints'
    return Buffer.from(JSON.stringify({ partialSuccess: { [name]: String(rejected), errorMessage: text } }))
  }
  const inner = Buffer.concat([
    rejected > 0 ? Buffer.from([0x08, ...varint(rejected)]) : Buffer.alloc(0),
    field(2, Buffer.from(text)),
  ])
  return field(1, inner)
}

/**
 * google.rpc.Status with RetryInfo, as gRPC carries it in `grpc-status-details-bin`: tells a sender that UNAVAILABLE is
 * throttling and when to come back (OTLP 1.11, OTLP/gRPC Throttling).
 */
export function retryStatus(code: number, message: string, seconds: number): Buffer {
  const duration = Buffer.from([0x08, ...varint(seconds)])
  const any = Buffer.concat([
    field(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')),
    field(2, field(1, duration)),
  ])
  return Buffer.concat([statusBody('protobuf', code, message), field(3, any)])
}
