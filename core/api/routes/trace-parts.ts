import { GlassboxError } from '../../base/errors.ts'
import { partOfTrace, type TracePart, type TracePartAnswers } from '../../model/trace-parts.ts'
import type { Call, Handlers } from '../handler.ts'

type PartRoute = 'traceStructure' | 'traceSpan' | 'traceValues' | 'findInTrace'

/** Parts of one trace: what the inspector needs at once, and details when asked for. */
export const tracePartHandlers: Handlers<PartRoute> = {
  async traceStructure(call) {
    const bytes = await readPart(call, { kind: 'structure' })
    call.reply.type('application/octet-stream')
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  },
  traceSpan: (call) => readPart(call, { kind: 'span', spanId: call.params.spanId }),
  traceValues: (call) => readPart(call, { kind: 'values', key: call.query.key }),
  findInTrace: (call) => readPart(call, { kind: 'find', text: call.query.text }),
}

/** @throws GlassboxError `trace_not_found`, `trace_removed` */
export async function readPart<P extends TracePart>(
  { params, services, context }: Pick<Call<PartRoute | 'pinTrace'>, 'params' | 'services' | 'context'>,
  part: P,
): Promise<TracePartAnswers[P['kind']]> {
  const { reader } = services.store
  const answer = reader.tracePart
    ? await reader.tracePart(params.traceId, part, context)
    : await reader.trace(params.traceId, context).then((trace) => trace && partOfTrace(trace, part))
  if (!answer) throw new GlassboxError('trace_not_found', `Trace ${params.traceId} is not stored.`)
  return answer as TracePartAnswers[P['kind']]
}
