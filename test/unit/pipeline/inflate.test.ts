import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { inflateBody } from '../../../core/pipeline/inflate.ts'

const LIMIT = 1 << 20
const plain = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `line ${i % 977} of a body\n`).join(''))

/** A gzip body that claims to be `size` bytes. */
function claiming(size: number): Buffer {
  const body = gzipSync(plain)
  body.writeUInt32LE(size >>> 0, body.length - 4)
  return body
}

it('inflates bodies of every encoding and of any size', () => {
  for (const size of [0, 1, 63, 1023, 1024, 1025, 16_384, plain.length]) {
    const part = plain.subarray(0, size)
    expect(Buffer.from(inflateBody(gzipSync(part), 'gzip', LIMIT))).toEqual(part)
    expect(Buffer.from(inflateBody(deflateSync(part), 'deflate', LIMIT))).toEqual(part)
    expect(Buffer.from(inflateBody(deflateRawSync(part), 'deflate', LIMIT))).toEqual(part)
  }
})

it('takes a gzip body of several members, whose last one tells only its own size', () => {
  const body = Buffer.concat([gzipSync(plain), gzipSync(Buffer.from('end'))])
  expect(Buffer.from(inflateBody(body, 'gzip', LIMIT))).toEqual(Buffer.concat([plain, Buffer.from('end')]))
})

it('refuses a body that claims a wrong size, whichever it is', () => {
  for (const size of [0, 1, plain.length - 1, plain.length + 1, 0xffff_ffff])
    expect(() => inflateBody(claiming(size), 'gzip', LIMIT)).toThrow(/not valid gzip/)
})

it('keeps the limit after inflation', () => {
  expect(inflateBody(gzipSync(plain), 'gzip', plain.length)).toHaveLength(plain.length)
  for (const encoding of ['gzip', 'deflate'] as const) {
    const body = encoding === 'gzip' ? gzipSync(plain) : deflateSync(plain)
    expect(() => inflateBody(body, encoding, plain.length - 1)).toThrow(/larger than/)
  }
})
