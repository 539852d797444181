import { GlassboxError } from '../../base/errors.ts'
import { readDashboard } from '../../formats/grafana/read-dashboard.ts'
import { boardContent } from '../contract/boards.ts'
import type { Handlers } from '../handler.ts'

/** A dashboard's file at most. */
const MOST_BYTES = 8 * 1024 * 1024

export const boardHandlers: Handlers<
  'boards' | 'createBoard' | 'readBoardFile' | 'board' | 'replaceBoard' | 'removeBoard' | 'restoreBoard'
> = {
  boards: async ({ services }) => ({ items: await services.boards.list() }),
  createBoard: ({ body, services }) => services.boards.create(body, services.clock.nowUs()),
  board: ({ params, services }) => services.boards.get(params.id),
  replaceBoard: ({ params, body, services }) =>
    services.boards.replace(params.id, body.version, body.content, services.clock.nowUs()),
  removeBoard: ({ params, query, services }) =>
    services.boards.remove(params.id, query.version ?? null, services.clock.nowUs()),
  restoreBoard: ({ params, services }) => services.boards.restore(params.id),
  readBoardFile: async ({ stream, query }) => {
    const document = await readJson(stream)
    const own = boardContent.safeParse(document)
    if (own.success) return { content: own.data, source: 'glassbox', notes: [] }
    return readDashboard(document, query.name)
  },
}

/** @throws GlassboxError `too_large`, `malformed_body` */
async function readJson(stream: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    if (bytes > MOST_BYTES)
      throw new GlassboxError('too_large', `The dashboard is larger than ${MOST_BYTES} bytes.`, 'Split the dashboard.')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch (error) {
    throw new GlassboxError(
      'malformed_body',
      `The file is no JSON: ${(error as Error).message}`,
      'Export the dashboard as JSON, whole.',
    )
  }
}
