import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import type { QueryContext } from '../storage/store.ts'
import type { BodyOf, ParamsOf, QueryOf, RouteName } from './contract/routes.ts'
import type { ApiServices } from './services.ts'

/** One request, read by its contract. */
export interface Call<N extends RouteName> {
  query: QueryOf<N>
  params: ParamsOf<N>
  body: BodyOf<N>
  /** The unread body of a `raw` route. */
  stream: Readable
  /** Aborts when the client goes away; carries the time limit. */
  context: QueryContext & { signal: AbortSignal }
  reply: FastifyReply
  services: ApiServices
}

/** Answers a request; what it returns is sent as JSON unless the reply's type says otherwise. */
export type Handler<N extends RouteName> = (call: Call<N>) => Promise<unknown>
export type Handlers<N extends RouteName = RouteName> = { [K in N]: Handler<K> }
