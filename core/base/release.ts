/**
 * Gives the memory of an array back at once instead of at some later collection, which waits for tens of MB of it. Nobody may
 * look at the array afterwards: it is empty then. One that is a part of a larger buffer stays.
 */
export function release({ buffer, byteLength }: ArrayBufferView): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength > 0) buffer.transfer(0)
}
