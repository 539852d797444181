import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { DesktopCommand } from '../core/api/contract/desktop.ts'
import type { BackupItem, ImportAnswer, Problem } from '../core/api/contract/shapes.ts'
import { isBundleName, type OpenedBundle, pageOfBundle } from '../core/model/bundle.ts'
import type { Connection } from './ipc.ts'

/**
 * Hands a file to the core as a stream; answers what to tell the page. Failures are an answer, too. The archive of a backup
 * is taken in, and the page goes on with the restore wizard; a debug bundle is opened and shown.
 */
export async function importFile(connection: Connection, file: string): Promise<DesktopCommand> {
  const name = basename(file)
  const send = (path: string): Promise<Answer> => sendFile(connection, path, file)
  try {
    if (!/\.glassbox$/i.test(name)) return told(name, await send('/api/import'))
    // By its name first; what was renamed tells the core.
    const [first, second] = isBundleName(name) ? [BUNDLES, BACKUPS] : [BACKUPS, BUNDLES]
    let path = first
    let answer = await send(first)
    if (answer.code === 'is_a_bundle' || answer.code === 'not_a_bundle') {
      path = second
      answer = await send(second)
    }
    if (answer.failed !== null) return told(name, answer)
    return {
      type: 'navigate',
      path: path === BUNDLES ? pageOfBundle(answer.body as OpenedBundle) : restoreOf(answer.body),
    }
  } catch (error) {
    const { message, cause } = error as Error
    return { type: 'failed', what: name, detail: cause instanceof Error ? cause.message : message }
  }
}

const BUNDLES = '/api/bundles'
const BACKUPS = '/api/backups/upload'

/** What the core answered; `failed` says why it did not take the file. */
interface Answer {
  body: unknown
  code: string
  failed: string | null
}

async function sendFile({ api, token }: Connection, path: string, file: string): Promise<Answer> {
  const { size } = await stat(file)
  const query = new URLSearchParams({ name: basename(file), ...(path === '/api/import' ? { size: String(size) } : {}) })
  const response = await fetch(`${api}${path}?${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    body: Readable.toWeb(createReadStream(file)) as ReadableStream,
    duplex: 'half',
  } as RequestInit)
  const body = (await response.json()) as unknown
  if (response.ok) return { body, code: '', failed: null }
  const { code, detail, hint } = body as Problem
  return { body, code, failed: [detail, hint].filter(Boolean).join(' ') }
}

function told(name: string, { body, failed }: Answer): DesktopCommand {
  if (failed !== null) return { type: 'failed', what: name, detail: failed }
  const { spans, logs, points, refused } = body as ImportAnswer
  return { type: 'imported', name, spans, logs, points, refused: refused.length }
}

function restoreOf(taken: unknown): string {
  const { target, name } = taken as Pick<BackupItem, 'target' | 'name'>
  return `/backups/restore?${new URLSearchParams({ step: 'inspect', target, name })}`
}
