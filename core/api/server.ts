import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { GlassboxError } from '../base/errors.ts'
import { portProblem } from '../receivers/listen.ts'
import { prometheusRoutes } from './contract/prometheus-routes.ts'
import { routes } from './contract/routes.ts'
import { checkBearer, checkHost, checkOrigin, securityHeaders } from './guards.ts'
import { createLive } from './live.ts'
import { registerMcp } from './mcp-endpoint.ts'
import { problemOf, toGlassboxError } from './problem.ts'
import { registerRoutes } from './register-routes.ts'
import type { ApiServices } from './services.ts'
import { asksForPage, isPageAddress, registerStaticFiles } from './static-files.ts'

export interface ApiServer {
  /**
   * Listens on `host`, on the other loopback address too when it is one.
   * @returns the address to open, `http://127.0.0.1:4380`.
   */
  listen(host: string, port: number): Promise<string>
  close(): Promise<void>
}

const maxJsonBytes = 1024 * 1024

/** Routes check by zod and write their own JSON: fastify's compilers of schemas, some megabytes, are never loaded. */
const noSchemas = (): never => {
  throw new Error('no route has a schema of fastify')
}

/** The HTTP api, the page and the live socket. Nothing listens until `listen`. */
export function createApiServer(services: ApiServices): ApiServer {
  let listening = { host: '127.0.0.1', port: 0 }
  const guardHost = (host: string | undefined): void =>
    checkHost(host, listening.port, listening.host, services.settingsNow().server.allowedHosts)
  const app = fastify({
    bodyLimit: maxJsonBytes,
    genReqId: () => randomUUID(),
    schemaController: { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } },
    routerOptions: { maxParamLength: 2048 },
    requestTimeout: 0,
    frameworkErrors: (error, request, reply) => sendProblem(error, request as FastifyRequest, reply as FastifyReply),
  }) as unknown as FastifyInstance
  app.removeContentTypeParser('text/plain')

  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders(request.headers.host ?? ''))
    guardHost(request.headers.host)
    const path = pathOf(request)
    const safe = request.method === 'GET' || request.method === 'HEAD'
    if (!safe || isApi(path)) checkOrigin(request.headers)
    if (isApi(path)) checkBearer(request.headers.authorization, services.token)
    if (path === '/metrics' && services.rendererDir) {
      // The address of the Metrics screen and, by custom, of what Prometheus scrapes: a browser asks for a page.
      reply.header('vary', 'accept')
      if (asksForPage(request.headers)) return reply.header('cache-control', 'no-cache').sendFile('index.html')
    }
    if (path === '/metrics' && !isLoopback(listening.host)) checkBearer(request.headers.authorization, services.token)
  })
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    const path = pathOf(request)
    const allowed = methodsAt(path)
    if (allowed.length > 0) {
      reply.header('allow', allowed.join(', '))
      const detail = `${request.method} is not allowed on ${path}.`
      throw new GlassboxError('method_not_allowed', detail, `Use ${allowed.join(' or ')}.`)
    }
    if (services.rendererDir && isPageAddress(request.method, path)) {
      return reply.header('cache-control', 'no-cache').sendFile('index.html')
    }
    // Clients of Prometheus' api know a missing address by these words.
    if (path.startsWith('/api/v1/'))
      return reply.code(404).type('text/plain; charset=utf-8').send('404 page not found\n')
    throw new GlassboxError('not_found', `${request.method} ${path.slice(0, 200)} is not an address of Glassbox.`)
  })
  registerRoutes(app, services)
  registerMcp(app, services)
  registerStaticFiles(app, services.rendererDir)

  function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = toGlassboxError(thrown)
    if (error.code === 'internal') services.log.error({ err: thrown, requestId: request.id }, 'a request failed')
    reply.headers(securityHeaders(request.headers.host ?? ''))
    if (error.code === 'unauthorized') reply.header('www-authenticate', 'Bearer')
    if (error.status === 503) reply.header('retry-after', '1')
    reply
      .code(error.status)
      .type('application/problem+json; charset=utf-8')
      .send(JSON.stringify(problemOf(error, request.id)))
  }

  const live = createLive(services)
  const upgrade = (
    request: IncomingMessage,
    ...rest: Parameters<typeof live.upgrade> extends [unknown, ...infer R] ? R : never
  ) => {
    try {
      guardHost(request.headers.host)
      checkOrigin(request.headers)
      live.upgrade(request, ...rest)
    } catch (error) {
      const { status, message } = toGlassboxError(error)
      rest[0].end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Type: text/plain\r\n\r\n${message}\r\n`)
    }
  }

  const second: Server[] = []
  return {
    async listen(host, port) {
      app.server.on('upgrade', upgrade)
      await app.listen({ host, port }).catch((error: NodeJS.ErrnoException) => {
        throw error.code === 'EADDRINUSE' ? new GlassboxError('port_taken', portProblem(error, port)) : error
      })
      const bound = app.server.address() as AddressInfo
      listening = { host, port: bound.port }
      if (isLoopback(host)) await listenAlso(app, second, bound, upgrade)
      const name = host.includes(':') ? `[${host}]` : host
      return `http://${name === '0.0.0.0' || name === '[::]' ? '127.0.0.1' : name}:${bound.port}`
    },
    async close() {
      await live.close()
      for (const server of second) {
        server.close()
        server.closeAllConnections()
      }
      app.server.closeIdleConnections()
      await app.close()
    },
  }
}

/** Clients differ in what `localhost` means to them; a machine without IPv6 has only the one address. */
async function listenAlso(
  app: FastifyInstance,
  servers: Server[],
  bound: AddressInfo,
  upgrade: (...a: never[]) => void,
) {
  const server = createServer((request, response) => app.routing(request, response))
  server.on('upgrade', upgrade as never)
  const host = bound.family === 'IPv6' ? '127.0.0.1' : '::1'
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve())
    server.listen({ host, port: bound.port }, () => {
      servers.push(server)
      resolve()
    })
  })
}

const isApi = (path: string): boolean => path === '/api' || path.startsWith('/api/')

function pathOf(request: FastifyRequest): string {
  const [path] = request.url.split('?', 1)
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

const patterns = [...Object.values(routes), ...Object.values(prometheusRoutes)].map(({ method, path }) => ({
  method,
  pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
}))

function methodsAt(path: string): string[] {
  return patterns.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method)
}
