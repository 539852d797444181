import { z } from 'zod'
import { prometheusRoutes } from './contract/prometheus-routes.ts'
import { type RouteContract, routes } from './contract/routes.ts'

/** The OpenAPI 3.1 document of `table`, generated from its schemas. */
export function openApiDocument(
  version: string,
  table: Record<string, RouteContract> = { ...routes, ...prometheusRoutes },
): object {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [name, route] of Object.entries(table)) {
    paths[route.path] ??= {}
    paths[route.path][route.method.toLowerCase()] = {
      operationId: name,
      summary: route.summary,
      parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
      ...(route.body ? { requestBody: requestBody(route.body) } : {}),
      responses: {
        200: { description: route.answer },
        default: {
          description: 'What went wrong and what to do (RFC 9457)',
          content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
        },
      },
      security: route.open ? [] : [{ token: [] }],
    }
  }
  const text = { type: 'string' }
  const fields = {
    type: text,
    title: text,
    status: { type: 'integer' },
    detail: text,
    code: text,
    hint: text,
    requestId: text,
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Glassbox', version },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: { type: 'object', properties: fields, required: Object.keys(fields) } },
    },
  }
}

function schemaOf(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>
  return rest
}

function parameters(schema: z.ZodObject | undefined, place: 'path' | 'query'): object[] {
  if (!schema) return []
  const { properties = {}, required = [] } = schemaOf(schema) as { properties?: object; required?: string[] }
  return Object.entries(properties).map(([name, one]) => ({
    name,
    in: place,
    required: required.includes(name),
    schema: one,
  }))
}

function requestBody(body: z.ZodType | 'raw'): object {
  const content =
    body === 'raw'
      ? { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } }
      : { 'application/json': { schema: schemaOf(body) } }
  return { required: true, content }
}
