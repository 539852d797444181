import type { PinnedTrace, SpanNote } from '../../core/model/pins.ts'
import { request } from './client.ts'

async function read<T>(response: Promise<Response>): Promise<T> {
  return (await (await response).json()) as T
}
const items = async <T>(response: Promise<Response>): Promise<T[]> => (await read<{ items: T[] }>(response)).items
const notesOf = (traceId: string): string => `/api/traces/${traceId}/notes`

/** Pinned traces and notes of the core. Every call throws ApiError. */
export const pinApi = {
  list: (signal?: AbortSignal) => items<PinnedTrace>(request('GET', '/api/pins', { signal })),
  pin: (traceId: string) => items<PinnedTrace>(request('PUT', `/api/traces/${traceId}/pin`)),
  unpin: (traceId: string) => items<PinnedTrace>(request('DELETE', `/api/traces/${traceId}/pin`)),
  notes: (traceId: string, signal?: AbortSignal) => items<SpanNote>(request('GET', notesOf(traceId), { signal })),
  addNote: (traceId: string, spanId: string, text: string) =>
    read<SpanNote>(request('POST', notesOf(traceId), { body: { spanId, text } })),
  changeNote: ({ traceId, id }: SpanNote, text: string) =>
    read<SpanNote>(request('PUT', `${notesOf(traceId)}/${id}`, { body: { text } })),
  removeNote: ({ traceId, id }: SpanNote) => read<{ id: string }>(request('DELETE', `${notesOf(traceId)}/${id}`)),
  restoreNote: ({ traceId, id }: SpanNote) => read<SpanNote>(request('POST', `${notesOf(traceId)}/${id}/restore`)),
}
