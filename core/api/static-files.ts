import { realpath } from 'node:fs/promises'
import type { IncomingHttpHeaders } from 'node:http'
import { join, sep } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { GlassboxError } from '../base/errors.ts'

const howToBuild = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Glassbox</title>
<h1>Glassbox runs, but its page is not built</h1>
<p>Run <code>npm run build:renderer</code> and start again. The api answers under <code>/api</code>.</p></html>`

/** Serves the built page, or one plain page that says how to build it. */
export function registerStaticFiles(app: FastifyInstance, rendererDir: string | undefined): void {
  if (!rendererDir) {
    app.get('/', async (_request, reply) => reply.type('text/html; charset=utf-8').send(howToBuild))
    return
  }
  app.addHook('onRequest', async (request) => {
    if (request.is404 || request.routeOptions.url !== '/*') return
    if (await leadsOut(rendererDir, request.url)) throw new GlassboxError('not_found', 'The page has no such file.')
  })
  app.register(fastifyStatic, {
    root: rendererDir,
    wildcard: true,
    index: 'index.html',
    dotfiles: 'deny',
    cacheControl: false,
    setHeaders: (reply, file) => {
      const hashed = /[\\/]assets[\\/]/.test(file)
      reply.header('cache-control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
}

/** Whether a file of the page is a link to something outside it. A file that is not there leads nowhere. */
async function leadsOut(rendererDir: string, url: string): Promise<boolean> {
  try {
    const [path] = url.split('?', 1)
    const real = await realpath(join(rendererDir, decodeURIComponent(path)))
    const root = await realpath(rendererDir)
    return real !== root && !real.startsWith(root + sep)
  } catch {
    return false
  }
}

/** True for addresses the page itself routes, such as /traces/abc: no api, no file name. */
export function isPageAddress(method: string, path: string): boolean {
  const last = path.slice(path.lastIndexOf('/') + 1)
  return method === 'GET' && !/^\/(api|v1)(\/|$)/.test(path) && /^[\w\-/~]*$/.test(path) && !last.includes('.')
}

/** True for a browser that opens an address; scrapers ask for text, and commands for anything. */
export function asksForPage(headers: IncomingHttpHeaders): boolean {
  return (headers.accept ?? '').includes('text/html')
}
