import { safeStorage } from 'electron'
import type { Keyring } from '../core/config/keyring.ts'

/**
 * The system's keychain, or null where it has none: on Linux without one Electron would encrypt with a key that everyone
 * knows, and the file's own rights are worth as much. To be called after `ready`.
 */
export function keychain(): Keyring | null {
  if (!safeStorage.isEncryptionAvailable()) return null
  if (process.platform === 'linux' && safeStorage.getSelectedStorageBackend() === 'basic_text') return null
  return {
    wrap: (key) => safeStorage.encryptString(Buffer.from(key).toString('base64')),
    unwrap: (wrapped) => Buffer.from(safeStorage.decryptString(Buffer.from(wrapped)), 'base64'),
  }
}
