/** Guards the key of saved secrets with something outside the data directory, such as the desktop's keychain. */
export interface Keyring {
  wrap(key: Uint8Array): Uint8Array
  /** @throws any error when this keyring did not wrap it, or cannot be asked now */
  unwrap(wrapped: Uint8Array): Uint8Array
}
