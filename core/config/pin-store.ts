import type { PinnedTrace, SpanNote } from '../model/pins.ts'
import type { TraceSummary } from '../model/records.ts'
import type { PinMethod } from './pin-table.ts'

/**
 * Pinned traces and notes on spans as they are kept in glassbox.db: durable once answered. Every method throws
 * GlassboxError `storage_unavailable` when the file cannot be read or written, and `note_not_found` for a note that is not there.
 */
export interface PinStore {
  /** Pinned last first. */
  list(): Promise<PinnedTrace[]>
  /** @throws GlassboxError `bad_request` when too many are pinned */
  pin(summary: TraceSummary, nowUs: number): Promise<void>
  /** Nothing happens to one that is not pinned. */
  unpin(traceId: string): Promise<void>
  /** In order of making. */
  notes(traceId: string): Promise<SpanNote[]>
  addNote(note: Pick<SpanNote, 'traceId' | 'spanId' | 'text'>, nowUs: number): Promise<SpanNote>
  changeNote(note: Pick<SpanNote, 'traceId' | 'id' | 'text'>, nowUs: number): Promise<SpanNote>
  removeNote(traceId: string, id: string, nowUs: number): Promise<{ id: string }>
  /** Brings back what `removeNote` took. */
  restoreNote(traceId: string, id: string): Promise<SpanNote>
}

/**
 * @param call runs a method of the table in the thread that writes glassbox.db
 * @param changed hears of the pinned traces after each change
 */
export function createPinStore(
  call: <T>(method: PinMethod, argument: unknown) => Promise<T>,
  changed: (traceIds: string[]) => void,
): PinStore {
  const list = (): Promise<PinnedTrace[]> => call('listPins', null)
  const tell = async (): Promise<void> => changed((await list()).map(({ summary }) => summary.traceId))
  return {
    list,
    async pin(summary, nowUs) {
      await call('pinTrace', { summary, nowUs })
      await tell()
    },
    async unpin(traceId) {
      await call('unpinTrace', { traceId })
      await tell()
    },
    notes: (traceId) => call('listNotes', { traceId }),
    addNote: (note, nowUs) => call('addNote', { ...note, nowUs }),
    changeNote: (note, nowUs) => call('changeNote', { ...note, nowUs }),
    removeNote: (traceId, id, nowUs) => call('removeNote', { traceId, id, nowUs }),
    restoreNote: (traceId, id) => call('restoreNote', { traceId, id }),
  }
}
