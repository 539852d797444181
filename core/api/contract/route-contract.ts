import type { z } from 'zod'

/** What one route takes and answers. Routes are registered from this table and OpenAPI is generated from it. */
export interface RouteContract {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With `{name}` for parameters. */
  path: string
  summary: string
  params?: z.ZodObject
  query?: z.ZodObject
  /** A JSON body; `raw` is a stream of any type. */
  body?: z.ZodType | 'raw'
  answer: string
  /** Open to everyone who reaches the port. */
  open?: boolean
}
