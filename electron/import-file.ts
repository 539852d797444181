import { createReadStream } from 'node:fs'
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
export async function importFile({ api, token }: Connection, file: string): Promise<DesktopCommand> {
  const name = basename(file)
  const bundle = isBundleName(name)
  const archive = !bundle && name.toLowerCase().endsWith('.glassbox')
  try {
    const path = bundle ? '/api/bundles' : archive ? '/api/backups/upload' : '/api/import'
    const response = await fetch(`${api}${path}?name=${encodeURIComponent(name)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
      body: Readable.toWeb(createReadStream(file)) as ReadableStream,
      duplex: 'half',
    } as RequestInit)
    if (!response.ok) {
      const problem = (await response.json()) as Problem
      return { type: 'failed', what: name, detail: [problem.detail, problem.hint].filter(Boolean).join(' ') }
    }
    if (bundle) return { type: 'navigate', path: pageOfBundle((await response.json()) as OpenedBundle) }
    if (archive) {
      const taken = (await response.json()) as Pick<BackupItem, 'target' | 'name'>
      return { type: 'navigate', path: `/backups/restore?${new URLSearchParams({ step: 'inspect', ...taken })}` }
    }
    const answer = (await response.json()) as ImportAnswer
    return { type: 'imported', name, spans: answer.spans, logs: answer.logs, refused: answer.refused.length }
  } catch (error) {
    const { message, cause } = error as Error
    return { type: 'failed', what: name, detail: cause instanceof Error ? cause.message : message }
  }
}
