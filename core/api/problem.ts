import { type ErrorCode, GlassboxError } from '../base/errors.ts'
import type { Problem } from './contract/shapes.ts'

const fastifyCodes: Record<string, [ErrorCode, string?]> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send application/json.'],
  FST_ERR_CTP_BODY_TOO_LARGE: ['too_large', 'Send a smaller body.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['malformed_body', 'Send a JSON body.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['malformed_body', 'Send valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['malformed_body'],
  FST_ERR_BAD_URL: ['bad_request', 'Correct the address.'],
  FST_ERR_MAX_PARAM_LENGTH: ['bad_request', 'Correct the address.'],
}

/** The catalogue's error for anything that was thrown; what is not expected becomes `internal`, without its text. */
export function toGlassboxError(error: unknown): GlassboxError {
  if (error instanceof GlassboxError) return error
  const { code = '', statusCode = 500, message } = error as { code?: string; statusCode?: number; message: string }
  const known = fastifyCodes[code]
  if (known) return new GlassboxError(known[0], message, known[1])
  if (statusCode >= 400 && statusCode < 500) return new GlassboxError('bad_request', message)
  return new GlassboxError('internal', 'An unexpected error happened.')
}

/** RFC 9457 problem details of `error`. */
export function problemOf(error: GlassboxError, requestId: string): Problem {
  const { code, title, status, message, hint } = error
  return { type: `urn:glassbox:error:${code}`, title, status, detail: message, code, hint, requestId }
}
