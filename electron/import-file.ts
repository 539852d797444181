import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import type { DesktopCommand } from '../core/api/contract/desktop.ts'
import type { ImportAnswer, Problem } from '../core/api/contract/shapes.ts'
import type { Connection } from './ipc.ts'

/** Hands a file to the core as a stream; answers what to tell the page. Failures are an answer, too. */
export async function importFile({ api, token }: Connection, file: string): Promise<DesktopCommand> {
  const name = basename(file)
  try {
    const response = await fetch(`${api}/api/import?name=${encodeURIComponent(name)}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
      body: Readable.toWeb(createReadStream(file)) as ReadableStream,
      duplex: 'half',
    } as RequestInit)
    if (!response.ok) {
      const problem = (await response.json()) as Problem
      return { type: 'failed', what: name, detail: [problem.detail, problem.hint].filter(Boolean).join(' ') }
    }
    const answer = (await response.json()) as ImportAnswer
    return { type: 'imported', name, spans: answer.spans, logs: answer.logs, refused: answer.refused.length }
  } catch (error) {
    const { message, cause } = error as Error
    return { type: 'failed', what: name, detail: cause instanceof Error ? cause.message : message }
  }
}
