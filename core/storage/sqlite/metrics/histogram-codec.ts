import type { BucketSpans, NativeHistogram } from '../../../model/native-histogram.ts'
import type { ByteReader, ByteWriter } from './byte-stream.ts'

const RESETS = ['unknown', 'reset', 'not_reset', 'gauge'] as const
const MOST_WHOLE = 2 ** 50

/** One native histogram; counts as differences where all are whole numbers. */
export function writeHistogram(out: ByteWriter, histogram: NativeHistogram): void {
  out.zigzag(histogram.schema)
  out.u8(RESETS.indexOf(histogram.counterReset))
  out.f64(histogram.zeroThreshold)
  out.f64(histogram.sum)
  writeNumbers(out, [histogram.zeroCount, histogram.count])
  for (const side of [histogram.positive, histogram.negative]) {
    out.varint(side.spans.length)
    for (const { offset, length } of side.spans) {
      out.zigzag(offset)
      out.varint(length)
    }
    writeNumbers(out, side.counts)
  }
  out.u8(histogram.customValues ? 1 : 0)
  if (histogram.customValues) {
    out.varint(histogram.customValues.length)
    for (const bound of histogram.customValues) out.f64(bound)
  }
}

export function readHistogram(from: ByteReader): NativeHistogram {
  const schema = from.zigzag()
  const counterReset = RESETS[from.u8()]
  const zeroThreshold = from.f64()
  const sum = from.f64()
  const [zeroCount, count] = readNumbers(from)
  const side = (): BucketSpans => {
    const spans = Array.from({ length: from.varint() }, () => ({ offset: from.zigzag(), length: from.varint() }))
    return { spans, counts: readNumbers(from) }
  }
  const positive = side()
  const negative = side()
  const customValues = from.u8() === 1 ? Array.from({ length: from.varint() }, () => from.f64()) : null
  return { schema, counterReset, zeroThreshold, zeroCount, count, sum, positive, negative, customValues }
}

function writeNumbers(out: ByteWriter, numbers: readonly number[]): void {
  out.varint(numbers.length)
  const whole = numbers.every((n) => Number.isInteger(n) && Math.abs(n) < MOST_WHOLE && !Object.is(n, -0))
  out.u8(whole ? 1 : 0)
  let last = 0
  for (const number of numbers) {
    if (whole) out.zigzag(number - last)
    else out.f64(number)
    last = number
  }
}

function readNumbers(from: ByteReader): number[] {
  const length = from.varint()
  const whole = from.u8() === 1
  const numbers: number[] = []
  let last = 0
  for (let i = 0; i < length; i++) {
    last = whole ? last + from.zigzag() : from.f64()
    numbers.push(last)
  }
  return numbers
}
