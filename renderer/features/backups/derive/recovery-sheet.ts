/** What a recovery sheet says, all of it already in the reader's language. */
export interface SheetText {
  title: string
  lines: [name: string, value: string][]
  steps: string[]
}

/** The sheet as a text file. */
export function sheetText({ title, lines, steps }: SheetText): string {
  const numbered = steps.map((step, i) => `${i + 1}. ${step}`)
  return [
    title,
    '='.repeat(title.length),
    '',
    ...lines.map(([name, value]) => `${name}: ${value}`),
    '',
    ...numbered,
    '',
  ].join('\n')
}

/** A key file of 32 random bytes, in base64. */
export function newKeyFile(): string {
  return toBase64(crypto.getRandomValues(new Uint8Array(32)))
}

export function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}

export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
}

/** First 16 hex digits of the SHA-256 of a key file: tells two of them apart, gives nothing away. Empty where the page is not served securely. */
export async function fingerprint(base64: string): Promise<string> {
  if (!globalThis.isSecureContext) return ''
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', fromBase64(base64)))
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** How hard a password is to guess, roughly: 0 weak, 1 fair, 2 good. */
export function passwordStrength(password: string): 0 | 1 | 2 {
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^A-Za-z0-9]/].filter((one) => one.test(password)).length
  const distinct = new Set(password).size
  if (password.length < 10 || distinct < 6) return 0
  return password.length >= 16 || (password.length >= 12 && kinds >= 3) ? 2 : 1
}

/** Letters that nobody takes for others, in five groups of five: 123 bits. */
export function newPassword(): string {
  const letters = 'abcdefghjkmnpqrstuvwxyz23456789'
  const picked = Array.from(crypto.getRandomValues(new Uint32Array(25)), (n) => letters[n % letters.length])
  return [0, 5, 10, 15, 20].map((at) => picked.slice(at, at + 5).join('')).join('-')
}
