import { GlassboxError } from '../../../base/errors.ts'

/** A cursor as clients hold it: opaque, safe in a URL. */
export function encodeCursor(parts: readonly (number | string)[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** @throws GlassboxError `bad_cursor` unless it holds values of these types in this order */
export function decodeCursor(cursor: string, types: readonly ('number' | 'string')[]): (number | string)[] {
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    parts = null
  }
  const valid =
    Array.isArray(parts) && parts.length === types.length && parts.every((part, i) => typeof part === types[i])
  if (!valid) throw new GlassboxError('bad_cursor', 'The cursor was not made by this query.')
  return parts as (number | string)[]
}
