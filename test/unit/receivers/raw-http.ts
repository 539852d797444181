import { request } from 'node:http'
import { connect } from 'node:net'

export interface RawAnswer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Buffer
}

/** One request with exactly these headers: fetch forbids setting Host and Origin. */
export function send(
  base: string,
  path: string,
  options: { method?: string; headers?: Record<string, string>; body?: Uint8Array | string } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(
      new URL(path, base),
      { method: options.method ?? 'POST', headers: options.headers, agent: false },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks) }),
        )
      },
    )
    call.on('error', reject)
    call.end(options.body)
  })
}

/** Writes raw bytes to a port and resolves with all that comes back until the other side closes. */
export function talk(base: string, bytes: Uint8Array | string): Promise<string> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    let seen = ''
    const socket = connect(Number(port), hostname, () => socket.write(bytes))
    socket.on('data', (chunk) => {
      seen += chunk.toString('latin1')
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(seen))
  })
}
