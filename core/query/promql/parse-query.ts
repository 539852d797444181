import { GlassboxError } from '../../base/errors.ts'
import type { PromqlFeatures } from './answer.ts'

/** The text laid out as Prometheus' `/api/v1/format_query` does. @throws GlassboxError `bad_promql` */
export function formatQuery(query: string, _features?: PromqlFeatures): string {
  throw new GlassboxError('bad_promql', `1:1: parse error: not built yet: ${query}`)
}

/** The tree as JSON of Prometheus' `/api/v1/parse_query`. @throws GlassboxError `bad_promql` */
export function parseQuery(query: string, _features?: PromqlFeatures): unknown {
  throw new GlassboxError('bad_promql', `1:1: parse error: not built yet: ${query}`)
}
