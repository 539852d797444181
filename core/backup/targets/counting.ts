import { Transform } from 'node:stream'

/** Hands bytes through and says after each piece how many there were. */
export function counting(progress: (bytes: number) => void, from = 0): Transform {
  let bytes = from
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      progress(bytes)
      done(null, chunk)
    },
  })
}
