/** Lower-case hex of the id of `length` bytes at `at`, or null when it is all zeros. */
export function hex(bytes: Uint8Array, at: number, length: number): string | null {
  let any = 0
  for (let i = at; i < at + length; i++) any |= bytes[i]
  return any === 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('hex')
}
