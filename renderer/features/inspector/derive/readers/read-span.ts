import type { SpanRecord } from '../../../../../core/model/records.ts'
import { readDatabase } from './database.ts'
import { readGenAi } from './genai.ts'
import { readHttp } from './http.ts'
import { readMessaging } from './messaging.ts'
import type { Reading } from './reading.ts'
import { readRpc } from './rpc.ts'

/** Readers, most particular first: an AI call over HTTP is read as an AI call. A new kind of span is a row here. */
const READERS: readonly ((span: SpanRecord) => Reading | null)[] = [
  readGenAi,
  readDatabase,
  readMessaging,
  readRpc,
  readHttp,
]

/** What the span's attributes say in the language of its kind; null when no reader knows it. */
export function readSpan(span: SpanRecord): Reading | null {
  for (const read of READERS) {
    const reading = read(span)
    if (reading) return reading
  }
  return null
}
