import type { Handlers } from '../handler.ts'

export const sqlHandlers: Handlers<'sql'> = {
  sql: ({ body, services, context }) => services.store.reader.sql(body.query, body.limit, context),
}
