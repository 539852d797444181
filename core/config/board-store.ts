import type { Board, BoardContent, BoardInfo } from '../model/board.ts'
import type { BoardMethod } from './board-table.ts'

/**
 * Boards as they are kept in glassbox.db: durable once answered. Every method throws GlassboxError `storage_unavailable`
 * when the file cannot be read or written, and `board_not_found` for an id that is not there.
 */
export interface BoardStore {
  /** By title. */
  list(): Promise<BoardInfo[]>
  get(id: string): Promise<Board>
  create(content: BoardContent, nowUs: number): Promise<Board>
  /** @throws GlassboxError `board_conflict` when the board has another version by now */
  replace(id: string, version: number, content: BoardContent, nowUs: number): Promise<Board>
  /** `version` null removes whatever is there. @throws GlassboxError `board_conflict` */
  remove(id: string, version: number | null, nowUs: number): Promise<{ id: string }>
  /** Brings back what `remove` took. */
  restore(id: string): Promise<Board>
}

/** @param call runs a method of the table in the thread that writes glassbox.db */
export function createBoardStore(call: <T>(method: BoardMethod, argument: unknown) => Promise<T>): BoardStore {
  return {
    list: () => call('listBoards', null),
    get: (id) => call('getBoard', { id }),
    create: (content, nowUs) => call('createBoard', { content, nowUs }),
    replace: (id, version, content, nowUs) => call('replaceBoard', { id, version, content, nowUs }),
    remove: (id, version, nowUs) => call('removeBoard', { id, version, nowUs }),
    restore: (id) => call('restoreBoard', { id }),
  }
}
