import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from './contract/shapes.ts'
import type { ApiServices } from './services.ts'

/** The tools of `core/mcp` at `/api/mcp` (MCP streamable HTTP), behind the same Host, Origin and token checks. */
export function registerMcp(app: FastifyInstance, services: ApiServices): void {
  const handle = async (request: FastifyRequest, reply: FastifyReply): Promise<Response> => {
    // Loaded at the first use: most hosts never have an assistant.
    const [{ createMcpHandler }, { createMcpServer }] = await Promise.all([
      import('@modelcontextprotocol/server'),
      import('../mcp/tools.ts'),
    ])
    const host = request.headers.host ?? 'localhost'
    /** Tools read through the api itself, with the caller's own token. */
    const ask = async (path: string, params: Record<string, string | number | undefined>): Promise<unknown> => {
      const query = Object.fromEntries(
        Object.entries(params).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
      )
      const answer = await app.inject({
        url: path,
        query,
        headers: { host, authorization: request.headers.authorization ?? '' },
      })
      if (answer.statusCode < 400) return answer.json()
      // Prometheus' routes say what is wrong in `error`.
      const { title, detail, hint, error } = answer.json<Partial<Problem> & { error?: string }>()
      throw new Error([title, detail, hint, error].filter(Boolean).join(' '))
    }
    const handler = createMcpHandler(() => createMcpServer(ask, services.version, () => services.clock.nowUs()))
    reply.raw.once('close', () => void handler.close())
    const headers = new Headers()
    for (const [name, value] of Object.entries(request.headers)) if (typeof value === 'string') headers.set(name, value)
    headers.delete('content-length')
    return handler.fetch(
      new Request(`http://${host}/api/mcp`, {
        method: request.method,
        headers,
        body: request.method === 'POST' ? JSON.stringify(request.body) : undefined,
      }),
    )
  }
  app.route({ method: ['GET', 'POST', 'DELETE'], url: '/api/mcp', handler: handle })
}
