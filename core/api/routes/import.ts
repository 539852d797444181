import type { Handlers } from '../handler.ts'

export const importHandlers: Handlers<'importFile'> = {
  importFile({ query, stream, context, reply, services }) {
    const length = Number(reply.request.headers['content-length'])
    const bytes = Number.isSafeInteger(length) && length > 0 ? length : (query.size ?? null)
    return services.imports.take({ stream, name: query.name, bytes, signal: context.signal })
  },
}
