import { dialog } from 'electron'
import { GlassboxError } from '../core/base/errors.ts'
import { loadSettings } from '../core/config/load-settings.ts'
import { createHost, type Host } from '../core/host.ts'
import type { Connection } from './ipc.ts'
import { keychain } from './keychain.ts'
import type { Texts } from './texts.ts'

export interface Core {
  host: Host
  connection: Connection
  secrets: 'keychain' | 'file'
}

/**
 * Starts the core. Where a person can decide, they are asked: another port when ours is taken, the local file when the
 * keychain no longer opens the saved passwords. Null when they would rather not start.
 * @throws GlassboxError for everything else that stands in the way
 */
export async function startCore(
  given: { dataDir: string; rendererDir: string; flags: Record<string, string> },
  texts: Texts,
): Promise<Core | null> {
  const keyring = keychain()
  let { flags } = given
  for (;;) {
    try {
      const guarded = keyring ? { keyring } : {}
      const loaded = loadSettings({ dataDir: given.dataDir, flags, environment: process.env, ...guarded })
      const host = createHost({ dataDir: given.dataDir, rendererDir: given.rendererDir, ...loaded, ...guarded })
      const { api, token } = await host.start()
      return { host, connection: { api, token }, secrets: keyring ? 'keychain' : 'file' }
    } catch (error) {
      const way = wayOut(error, texts)
      if (!way || Object.entries(way.flags).every(([name, value]) => flags[name] === value)) throw error
      if (!(await agrees(error as GlassboxError, way.button, texts))) return null
      flags = { ...flags, ...way.flags }
    }
  }
}

function wayOut(error: unknown, texts: Texts): { button: string; flags: Record<string, string> } | null {
  if (!(error instanceof GlassboxError)) return null
  if (error.code === 'port_taken') return { button: texts.portTaken, flags: { apiPort: '0' } }
  if (error.code === 'secrets_locked') {
    return { button: texts.startWithoutSecrets, flags: { engine: 'sqlite', postgresUrl: '' } }
  }
  return null
}

async function agrees(error: GlassboxError, button: string, texts: Texts): Promise<boolean> {
  const { response } = await dialog.showMessageBox({
    type: 'warning',
    title: texts.cannotStart,
    message: error.title,
    detail: `${error.message}\n\n${error.hint}`,
    buttons: [button, texts.quit],
    defaultId: 0,
    cancelId: 1,
    noLink: true,
  })
  return response === 0
}
