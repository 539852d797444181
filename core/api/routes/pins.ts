import { unpackStructure } from '../../model/trace-structure.ts'
import type { Handlers } from '../handler.ts'
import { readPart } from './trace-parts.ts'

export const pinHandlers: Handlers<
  'pinnedTraces' | 'pinTrace' | 'unpinTrace' | 'spanNotes' | 'addNote' | 'changeNote' | 'removeNote' | 'restoreNote'
> = {
  pinnedTraces: async ({ services }) => ({ items: await services.pins.list() }),
  async pinTrace(call) {
    const { services } = call
    const bytes = await readPart(call, { kind: 'structure' })
    const { summary } = unpackStructure(new Uint8Array(bytes).buffer)
    await services.pins.pin(summary, services.clock.nowUs())
    return { items: await services.pins.list() }
  },
  async unpinTrace({ params, services }) {
    await services.pins.unpin(params.traceId)
    return { items: await services.pins.list() }
  },
  spanNotes: async ({ params, services }) => ({ items: await services.pins.notes(params.traceId) }),
  addNote: ({ params, body, services }) =>
    services.pins.addNote({ traceId: params.traceId, ...body }, services.clock.nowUs()),
  changeNote: ({ params, body, services }) => services.pins.changeNote({ ...params, ...body }, services.clock.nowUs()),
  removeNote: ({ params, services }) => services.pins.removeNote(params.traceId, params.id, services.clock.nowUs()),
  restoreNote: ({ params, services }) => services.pins.restoreNote(params.traceId, params.id),
}
