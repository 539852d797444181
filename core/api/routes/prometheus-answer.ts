import type { ErrorCode, GlassboxError } from '../../base/errors.ts'
import type { Labels } from '../../model/series.ts'

export function labelsData(labels: Labels): Record<string, string> {
  return Object.fromEntries(labels)
}

/** Prometheus' own words and codes for our errors. */
const KINDS: Partial<Record<ErrorCode, [status: number, errorType: string]>> = {
  bad_request: [400, 'bad_data'],
  bad_promql: [400, 'bad_data'],
  malformed_body: [400, 'bad_data'],
  promql_failed: [422, 'execution'],
  query_too_large: [422, 'execution'],
  query_timeout: [503, 'timeout'],
  query_cancelled: [499, 'canceled'],
  not_found: [404, 'not_found'],
  method_not_allowed: [405, 'bad_data'],
  unauthorized: [401, 'unauthorized'],
  overloaded: [503, 'unavailable'],
  storage_unavailable: [503, 'unavailable'],
}

/** The error envelope, with our code and hint beside Prometheus' words; what is not expected becomes `internal`, without its text. */
export function errorEnvelope(error: GlassboxError): { status: number; body: object } {
  const [status, errorType] = KINDS[error.code] ?? [error.status, error.status < 500 ? 'bad_data' : 'internal']
  const text = error.code === 'query_too_large' ? `${error.message}. ${error.hint}` : error.message
  return { status, body: { status: 'error', errorType, error: text, code: error.code, hint: error.hint } }
}
