import type { Trace } from '../model/records.ts'
import { exportJaeger } from './jaeger/export.ts'
import { exportOtlp } from './otlp/export.ts'
import { exportZipkin } from './zipkin/export.ts'

/** A whole trace as a JSON value in one of three formats; OTLP is lossless. */
export function exportTrace(trace: Trace, format: 'otlp' | 'jaeger' | 'zipkin'): unknown {
  if (format === 'jaeger') return exportJaeger(trace)
  return format === 'zipkin' ? exportZipkin(trace) : exportOtlp(trace)
}
