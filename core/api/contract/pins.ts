import { z } from 'zod'
import { spanId, traceId } from './parameters.ts'
import type { RouteContract } from './route-contract.ts'

const byTrace = z.strictObject({ traceId })
const byNote = z.strictObject({ traceId, id: z.string().min(1).max(64) })
const text = z.string().trim().min(1).max(10_000)

/** Pinned traces, which retention leaves alone, and notes on spans. */
export const pinRoutes = {
  pinnedTraces: {
    method: 'GET',
    path: '/api/pins',
    summary: 'Pinned traces, last pinned first, with what was known of each then and how many notes it has',
    answer: '{ items: PinnedTrace[] }',
  },
  pinTrace: {
    method: 'PUT',
    path: '/api/traces/{traceId}/pin',
    summary: 'Pins a trace: retention leaves it and its logs alone',
    params: byTrace,
    answer: '{ items: PinnedTrace[] }',
  },
  unpinTrace: {
    method: 'DELETE',
    path: '/api/traces/{traceId}/pin',
    summary: 'Unpins a trace: it goes with others of its age',
    params: byTrace,
    answer: '{ items: PinnedTrace[] }',
  },
  spanNotes: {
    method: 'GET',
    path: '/api/traces/{traceId}/notes',
    summary: 'Notes on the spans of a trace, in order of making',
    params: byTrace,
    answer: '{ items: SpanNote[] }',
  },
  addNote: {
    method: 'POST',
    path: '/api/traces/{traceId}/notes',
    summary: 'Writes a note on a span',
    params: byTrace,
    body: z.strictObject({ spanId, text }),
    answer: 'SpanNote',
  },
  changeNote: {
    method: 'PUT',
    path: '/api/traces/{traceId}/notes/{id}',
    summary: 'Changes the text of a note',
    params: byNote,
    body: z.strictObject({ text }),
    answer: 'SpanNote',
  },
  removeNote: {
    method: 'DELETE',
    path: '/api/traces/{traceId}/notes/{id}',
    summary: 'Deletes a note; it can be restored for 30 days',
    params: byNote,
    answer: '{ id }',
  },
  restoreNote: {
    method: 'POST',
    path: '/api/traces/{traceId}/notes/{id}/restore',
    summary: 'Brings back a deleted note',
    params: byNote,
    answer: 'SpanNote',
  },
} as const satisfies Record<string, RouteContract>
