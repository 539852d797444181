import type { FastifyRequest } from 'fastify'
import { GlassboxError } from '../base/errors.ts'
import { BUNDLE_HEADER } from './contract/bundles.ts'
import type { ApiServices } from './services.ts'

/** Reading routes that are no GET. */
const READS: ReadonlySet<string> = new Set(['sql', 'prometheus'])

/**
 * What a request is answered from: this host, or the bundle that its header names. Of a bundle only the telemetry is another
 * one; nothing can be changed through it.
 * @throws GlassboxError `bundle_not_found`, `bundle_read_only`
 */
export async function bundleServices(
  services: ApiServices,
  { headers, method }: Pick<FastifyRequest, 'headers' | 'method'>,
  route: string,
): Promise<ApiServices> {
  const id = headers[BUNDLE_HEADER]
  if (id === undefined) return services
  if (method !== 'GET' && !READS.has(route))
    throw new GlassboxError('bundle_read_only', `${route} changes something, and a bundle is only read.`)
  const { pins, ...view } = await services.opened.view(String(id))
  return { ...services, ...view, pins: { ...services.pins, ...pins } }
}
