import type { Board, BoardContent, BoardImport, BoardInfo } from '../../core/model/board.ts'
import { request } from './client.ts'

async function read<T>(response: Promise<Response>): Promise<T> {
  return (await (await response).json()) as T
}
const path = (id: string): string => `/api/boards/${encodeURIComponent(id)}`

/** Boards of the core. Every call throws ApiError. */
export const boards = {
  list: async (signal?: AbortSignal) =>
    (await read<{ items: BoardInfo[] }>(request('GET', '/api/boards', { signal }))).items,
  get: (id: string, signal?: AbortSignal) => read<Board>(request('GET', path(id), { signal })),
  create: (content: BoardContent) => read<Board>(request('POST', '/api/boards', { body: content })),
  /** Refused with `board_conflict` when the board has another version by now. */
  replace: (id: string, version: number, content: BoardContent) =>
    read<Board>(request('PUT', path(id), { body: { version, content } })),
  remove: (id: string) => read<{ id: string }>(request('DELETE', path(id))),
  restore: (id: string) => read<Board>(request('POST', `${path(id)}/restore`)),
  /** A dashboard of Grafana, or a board of ours, from a file; nothing is saved. */
  readFile: async (file: File) =>
    read<BoardImport>(
      request('POST', '/api/boards/read', { params: { name: file.name }, bytes: await file.arrayBuffer() }),
    ),
}
