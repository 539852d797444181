import { GlassboxError } from '../../base/errors.ts'
import type { DecodedSamples } from '../../model/decoded-samples.ts'
import type { ExpositionSample } from '../exposition/line-reader.ts'
import { ExpositionReader, samplesOfExposition } from '../exposition/parse.ts'
import { labelFault } from '../series-check.ts'

/** Samples that are handed on together. */
const GROUP_SAMPLES = 20_000
/** Times below it are seconds, as OpenMetrics has them: as ms they would lie in 1973. */
const LEAST_MS = 1e11

const NAME = String.raw`(?:[a-zA-Z_:][a-zA-Z0-9_:]*|\{)`
const COMMENT = /^#[ \t]+(HELP|TYPE|UNIT)[ \t]+\S/m
const SAMPLE = new RegExp(`^${NAME}[^\\n]*[ \\t}][+-]?(?:\\d|\\.\\d|Inf|NaN)[^\\n]*$`, 'm')

/** Does a file begin as Prometheus' text or OpenMetrics do? */
export function isExposition(head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head.subarray(0, 4096)).replace(/^\uFEFF/, '')
  if (/^\s*[[{]\s*["{[\]}]/.test(text)) return false
  return COMMENT.test(text) || text.startsWith('# EOF') || SAMPLE.test(text)
}

function formatOf(head: Uint8Array, name: string): 'text' | 'openmetrics' {
  const text = new TextDecoder().decode(head.subarray(0, 64 * 1024))
  if (/\.(om|openmetrics)(\.txt)?(\.(gz|zst))?$/i.test(name) || /^# (UNIT|EOF)/m.test(text)) return 'openmetrics'
  const time = /^[^#\s][^\n]*[ \t}][^ \t\n]+[ \t]+(\d+(?:\.\d*)?)[ \t\r]*$/m.exec(text)?.[1]
  return time !== undefined && (time.includes('.') || Number(time) < LEAST_MS) ? 'openmetrics' : 'text'
}

export type ExpositionPart = { samples: DecodedSamples; line: number } | { refused: { line: number; reason: string } }

/**
 * Reads a file of Prometheus' text format or OpenMetrics with times. A bad line costs itself only.
 * @param nowMs of samples without a time
 */
export async function* expositionParts(
  chunks: AsyncIterable<Uint8Array>,
  head: Uint8Array,
  name: string,
  nowMs: number,
  maxLineBytes: number,
): AsyncGenerator<ExpositionPart> {
  const reader = new ExpositionReader(formatOf(head, name))
  let samples: ExpositionSample[] = []
  const take = function* (line: string): Generator<ExpositionPart> {
    try {
      const sample = reader.take(line)
      if (!sample) return
      const fault = labelFault([...sample.labels].sort((a, b) => (a[0] < b[0] ? -1 : 1)))
      if (fault) throw new GlassboxError('malformed_body', `line ${reader.line}: ${fault.reason}: ${fault.example}`)
      samples.push(sample)
    } catch (error) {
      if (!(error instanceof GlassboxError)) throw error
      yield { refused: { line: reader.line, reason: error.message } }
    }
    if (samples.length >= GROUP_SAMPLES) yield* flush()
  }
  const flush = function* (): Generator<ExpositionPart> {
    if (samples.length === 0) return
    yield { samples: samplesOfExposition({ samples, metadata: reader.metadata }, nowMs), line: reader.line }
    samples = []
  }
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield* take(line)
    if (rest.length <= maxLineBytes) continue
    yield {
      refused: { line: reader.line + 1, reason: `longer than ${maxLineBytes} bytes, which is the most one may have` },
    }
    rest = ''
  }
  rest += decoder.decode()
  if (rest !== '') yield* take(rest)
  try {
    reader.end()
  } catch (error) {
    if (!(error instanceof GlassboxError)) throw error
    yield { refused: { line: reader.line, reason: error.message } }
  }
  yield* flush()
}
