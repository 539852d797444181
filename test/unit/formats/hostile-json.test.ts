import { describe, expect, it } from 'vitest'
import { decodeTracesJson } from '../../../core/formats/otlp/decode-json.ts'
import { decodeZipkinJson } from '../../../core/formats/zipkin/decode.ts'

const NOW_US = 1_790_000_000_000_000
const IDS = '"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"'
const otlp = (span: string) =>
  decodeTracesJson(Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${span},{${IDS}}]}]}]}`), NOW_US)

describe('values that are not what their field says', () => {
  it.each([
    ['an id as a number of 19 digits', '{"traceId":-9223372036854775808,"spanId":"b7ad6b7169203332"}'],
    ['an id nested 400 deep', `{"traceId":${'['.repeat(400)}${']'.repeat(400)},"spanId":"b7ad6b7169203332"}`],
    ['a kind that is a list', `{${IDS},"kind":"\\u0000"}`],
  ])('%s costs that span only', (_name, span) => {
    const { batch, rejected } = otlp(span)
    expect(batch.n).toBe(1)
    expect(rejected).toHaveLength(1)
    expect(rejected[0].example.length).toBeLessThan(200)
  })

  it.each([
    ['a time of 60 digits', `"startTimeUnixNano":${'9'.repeat(60)}`],
    ['a time of 1e308', '"startTimeUnixNano":1e308'],
    ['a {low, high} of big numbers', '"startTimeUnixNano":{"low":9223372036854775807,"high":1}'],
    ['a double that is an object', '"attributes":[{"key":"a","value":{"doubleValue":{"valueOf":1,"toString":2}}}]'],
    ['a count below zero', '"droppedAttributesCount":-9223372036854775808'],
  ])('%s is read as unknown', (_name, member) => {
    const { batch, rejected } = otlp(`{${IDS.replace('b7ad6b7169203331', 'b7ad6b7169203332')},${member}}`)
    expect([batch.n, rejected.length]).toEqual([2, 0])
    for (const column of [batch.startUs, batch.durUs]) expect([...column].every(Number.isFinite)).toBe(true)
    expect(batch.startUs[0]).toBeLessThan(2 ** 64 / 1000)
  })

  it.each(['1e308', '9'.repeat(40), '"1e400"', '-1', '18446744073709552'])('a Zipkin duration of %s', (duration) => {
    const body = `[{"traceId":"1","id":"2","timestamp":1790000000000000,"duration":${duration}}]`
    const { batch } = decodeZipkinJson(Buffer.from(body), NOW_US)
    expect([batch.n, batch.durUs[0]]).toEqual([1, 0])
  })
})
