import { readFile } from 'node:fs/promises'
import { type Agent as HttpAgent, type IncomingMessage, Agent as PlainAgent, request as plainRequest } from 'node:http'
import { Agent as SecureAgent, request as secureRequest } from 'node:https'
import type { ScrapeJob } from '../../config/settings.ts'

type ConnectionJob = Pick<ScrapeJob, 'tls' | 'proxyUrl'>

/**
 * The way to one target. It stays open between scrapes; the files of its TLS are read at each, and when one of them has
 * changed, connections are made anew.
 */
export class ScrapeConnection {
  #job: ConnectionJob
  #agent: HttpAgent | null = null
  #madeOf = ''

  constructor(job: ConnectionJob) {
    this.#job = job
  }

  /** The head of the answer; its body is still to be read. @throws Error that says why there is none */
  async get(url: string, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const isSecure = url.startsWith('https:')
    const agent = await this.#agentFor(isSecure)
    const request = isSecure ? secureRequest : plainRequest
    return new Promise((resolve, reject) => {
      const send = (isFirst: boolean): void => {
        let answered = false
        const asked = request(url, { agent, headers, signal }, (response) => {
          answered = true
          resolve(response)
        })
        asked.on('error', (error: NodeJS.ErrnoException) => {
          // The target closed the connection just as it was used again.
          if (isFirst && !answered && asked.reusedSocket && error.code === 'ECONNRESET') send(false)
          else reject(error)
        })
        asked.end()
      }
      send(true)
    })
  }

  async #agentFor(isSecure: boolean): Promise<HttpAgent> {
    const { proxyUrl, tls } = this.#job
    const secure = isSecure ? await readTls(tls) : null
    const madeOf = JSON.stringify(secure)
    if (this.#agent && this.#madeOf === madeOf) return this.#agent
    this.close()
    const proxyEnv = proxyUrl === '' ? undefined : { HTTP_PROXY: proxyUrl, HTTPS_PROXY: proxyUrl }
    this.#agent = secure
      ? new SecureAgent({ keepAlive: true, proxyEnv, ...secure })
      : new PlainAgent({ keepAlive: true, proxyEnv })
    this.#madeOf = madeOf
    return this.#agent
  }

  close(): void {
    this.#agent?.destroy()
    this.#agent = null
  }
}

/** @throws Error when a file cannot be read */
async function readTls({ caFile, certFile, keyFile, serverName, insecureSkipVerify }: ScrapeJob['tls']) {
  const read = async (name: string, file: string): Promise<string | undefined> => {
    if (file === '') return undefined
    try {
      return await readFile(file, 'utf8')
    } catch (error) {
      throw new Error(`TLS: the ${name} cannot be read: ${(error as Error).message}`)
    }
  }
  return {
    ca: await read('CA certificate', caFile),
    cert: await read('client certificate', certFile),
    key: await read('client key', keyFile),
    servername: serverName || undefined,
    rejectUnauthorized: !insecureSkipVerify,
  }
}
