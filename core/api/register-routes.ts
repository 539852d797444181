import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { GlassboxError } from '../base/errors.ts'
import { bundleServices } from './bundle-view.ts'
import { type RouteContract, type RouteName, routes } from './contract/routes.ts'
import type { Call, Handlers } from './handler.ts'
import { backupHandlers } from './routes/backups.ts'
import { boardHandlers } from './routes/boards.ts'
import { bundleHandlers } from './routes/bundles.ts'
import { catalogueHandlers } from './routes/catalogue.ts'
import { exportHandlers } from './routes/export.ts'
import { hostHandlers } from './routes/host.ts'
import { importHandlers } from './routes/import.ts'
import { jobHandlers } from './routes/jobs.ts'
import { logHandlers } from './routes/logs.ts'
import { pinHandlers } from './routes/pins.ts'
import { registerPrometheus } from './routes/prometheus.ts'
import { runHandlers } from './routes/runs.ts'
import { sqlHandlers } from './routes/sql.ts'
import { storageHandlers } from './routes/storage.ts'
import { systemHandlers } from './routes/system.ts'
import { testTraceHandlers } from './routes/test-trace.ts'
import { tracePartHandlers } from './routes/trace-parts.ts'
import { traceHandlers } from './routes/traces.ts'
import type { ApiServices } from './services.ts'

const handlers: Handlers = {
  ...traceHandlers,
  ...tracePartHandlers,
  ...logHandlers,
  ...catalogueHandlers,
  ...runHandlers,
  ...hostHandlers,
  ...sqlHandlers,
  ...storageHandlers,
  ...jobHandlers,
  ...importHandlers,
  ...exportHandlers,
  ...backupHandlers,
  ...testTraceHandlers,
  ...systemHandlers,
  ...boardHandlers,
  ...bundleHandlers,
  ...pinHandlers,
}

/** Registers every route of the contract, and Prometheus' own. */
export function registerRoutes(app: FastifyInstance, services: ApiServices): void {
  registerPrometheus(app, services)
  const raw: [string, RouteContract][] = []
  for (const [name, contract] of Object.entries(routes) as [string, RouteContract][]) {
    if (contract.body === 'raw') raw.push([name, contract])
    else registerRoute(app, name as RouteName, contract, services)
  }
  app.register(async (child) => {
    child.removeAllContentTypeParsers()
    child.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
    for (const [name, contract] of raw) registerRoute(child, name as RouteName, contract, services)
  })
}

function registerRoute(app: FastifyInstance, name: RouteName, contract: RouteContract, services: ApiServices): void {
  const handler = handlers[name] as (call: unknown) => Promise<unknown>
  app.route({
    method: contract.method,
    url: contract.path.replaceAll(/\{(\w+)\}/g, ':$1'),
    handler: async (request, reply) => {
      const asked = await bundleServices(services, request, name)
      const call = {
        query: read(contract.query, withoutEmpty(request.query), ''),
        params: read(contract.params, request.params, ''),
        body: contract.body === 'raw' ? undefined : read(contract.body, request.body, 'body'),
        stream: request.body instanceof Readable ? request.body : Readable.from([]),
        context: { signal: goneSignal(request, reply), timeoutMs: services.settingsNow().query.timeoutMs },
        reply,
        services: asked,
      } satisfies Omit<Call<RouteName>, 'query' | 'params' | 'body'> & {
        query: unknown
        params: unknown
        body: unknown
      }
      const answer = await handler(call)
      reply.header('cache-control', 'no-store')
      return answer
    },
  })
}

function withoutEmpty(query: unknown): object {
  return Object.fromEntries(Object.entries(query as object).filter(([, value]) => value !== ''))
}

/** Reads `value` by `schema`. @throws GlassboxError `bad_request` naming the parameter. */
function read(schema: z.ZodType | undefined, value: unknown, place: string): unknown {
  if (!schema) return undefined
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const keys = issue.code === 'unrecognized_keys' ? issue.keys : []
  const path = [place, ...issue.path.map(String), ...keys].filter((part) => part !== '').join('.')
  throw new GlassboxError('bad_request', `${path}: ${keys.length ? 'no such parameter' : issue.message}`)
}

function goneSignal(_request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.on('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return gone.signal
}
