/** What storing in a Postgres needs, in the order in which it is tried. */
export const STORAGE_STEPS = [
  'address',
  'resolve',
  'connect',
  'tls',
  'login',
  'version',
  'rights',
  'write and read back',
] as const

/** What is said of a refusal, in parts. */
export interface RefusalDetail {
  /** Of the list of refusals. */
  name: string
  values: Record<string, string | number>
  /** What the server, or the system before it, said in its own words. */
  words: string | null
}

/** One of them, tried. */
export interface StorageTestStep {
  name: (typeof STORAGE_STEPS)[number]
  ok: boolean
  ms: number
  /** Of the step `tls`: whether what is sent is encrypted, and whether the certificate was checked. */
  note: 'plain' | 'encrypted' | 'verified' | null
  /** Of the catalogue of errors. */
  code: string | null
  error: string | null
  /** The same in parts, where it is one of the known refusals. */
  detail: RefusalDetail | null
  hint: string | null
}

/** `POST /api/storage/test`: each step up to the first that fails. */
export interface StorageTest {
  ok: boolean
  steps: StorageTestStep[]
}
