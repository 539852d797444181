const longestUserInfo = 300

/** Masks passwords, and long user names that are tokens, in `scheme://user:password@host`. */
export function maskUrlPasswords(text: string): string {
  if (!text.includes('@')) return text
  let out = ''
  let done = 0
  for (let at = text.indexOf('://'); at >= 0; at = text.indexOf('://', at + 3)) {
    const start = at + 3
    const part = text.slice(start, start + longestUserInfo)
    const authority = part.slice(0, authorityLength(part))
    const end = authority.lastIndexOf('@')
    if (end < 0) continue
    const colon = authority.indexOf(':')
    const hasPassword = colon >= 0 && colon < end
    if (!hasPassword && end < 16) continue
    out += `${text.slice(done, hasPassword ? start + colon + 1 : start)}[masked]`
    done = start + end
  }
  return out + text.slice(done)
}

function authorityLength(part: string): number {
  const end = part.search(/[/?#\s"'<>\\]/)
  return end < 0 ? part.length : end
}

/** Whether bytes around the `@` at `at` may be `://user…@`, by looking back. */
export function mayBeUserInfo(bytes: Uint8Array, at: number, start: number): boolean {
  const least = Math.max(start, at - longestUserInfo)
  for (let i = at - 1; i >= least + 1; i--) {
    const byte = bytes[i]
    if (byte <= 32 || byte === 34) return false
    if (byte === 47) return bytes[i - 1] === 47
  }
  return false
}
