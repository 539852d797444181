import { setTimeout as wait } from 'node:timers/promises'
import { type Context, type Link, ROOT_CONTEXT, SpanKind } from '@opentelemetry/api'
import { Service } from './service.ts'

const SKUS = ['MUG-014', 'TEE-201', 'CAP-007', 'PEN-330', 'BAG-112']

class PoolTimeoutError extends Error {
  override name = 'PoolTimeoutError'
}
class UpstreamError extends Error {
  override name = 'UpstreamError'
}
class CardDeclined extends Error {
  override name = 'CardDeclined'
}

/** Numbers in [0, 1) from a seed (mulberry32), so that a demo run can be repeated. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Eight services that call each other as a web shop does: errors, a slow database, retries, a worker, an AI agent. */
export class Shop {
  #services: Record<
    'gateway' | 'cart' | 'checkout' | 'payment' | 'inventory' | 'recommend' | 'mail-worker' | 'agent',
    Service
  >
  #random: () => number
  #background = new Set<Promise<unknown>>()

  constructor(endpoint: string, seed: number) {
    this.#random = seededRandom(seed)
    const make = (name: string, version = '1.9.3') => new Service(name, version, endpoint)
    this.#services = {
      gateway: make('gateway', '5.2.1'),
      cart: make('cart', '2.14.0'),
      checkout: make('checkout'),
      payment: make('payment', '3.0.4'),
      inventory: make('inventory'),
      recommend: make('recommend'),
      'mail-worker': make('mail-worker'),
      agent: make('agent', '0.4.0'),
    }
  }

  /** One visitor's request, one trace. Never throws: a failed request is what the demo shows. */
  async request(): Promise<void> {
    const pick = this.#random()
    try {
      if (pick < 0.08) await this.#http('GET', '/healthz', 'GET /healthz', async () => wait(1))
      else if (pick < 0.4)
        await this.#http('GET', '/products/{sku}', 'GET /products/{sku}', (inside) => this.#product(inside))
      else if (pick < 0.7) await this.#http('POST', '/cart', 'POST /cart', (inside) => this.#addToCart(inside))
      else if (pick < 0.93) await this.#http('POST', '/checkout', 'POST /checkout', (inside) => this.#checkout(inside))
      else await this.#http('POST', '/assistant', 'POST /assistant', (inside) => this.#agent(inside))
    } catch (error) {
      if (!(error instanceof PoolTimeoutError || error instanceof UpstreamError || error instanceof CardDeclined))
        throw error
    }
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.#background)
    await Promise.all(Object.values(this.#services).map((service) => service.stop()))
  }

  #sku(): string {
    return SKUS[Math.floor(this.#random() * SKUS.length)]
  }

  #between(low: number, high: number): number {
    return low + this.#random() * (high - low)
  }

  #http(method: string, route: string, name: string, work: (inside: Context) => Promise<unknown>): Promise<void> {
    const { gateway } = this.#services
    const attributes = {
      'http.request.method': method,
      'http.route': route,
      'url.path': route.replace('{sku}', this.#sku()),
      'client.address': `203.0.113.${Math.floor(this.#random() * 250)}`,
      'user.id': `u_${Math.floor(this.#random() * 5000)}`,
      'http.request.header.authorization': ['Bearer demo-token-that-is-never-stored'],
    }
    return gateway.span(ROOT_CONTEXT, name, SpanKind.SERVER, attributes, async (inside, span) => {
      const begun = performance.now()
      try {
        await work(inside)
        span.setAttribute('http.response.status_code', 200)
        gateway.log(inside, 'INFO', `${method} ${route} 200 in ${Math.round(performance.now() - begun)} ms`)
      } catch (error) {
        const status = error instanceof CardDeclined ? 402 : error instanceof UpstreamError ? 504 : 500
        span.setAttribute('http.response.status_code', status)
        gateway.log(
          inside,
          'ERROR',
          `${method} ${route} → ${status} after ${Math.round(performance.now() - begun)} ms`,
          {
            'error.type': (error as Error).name,
          },
        )
        throw error
      }
    })
  }

  /** A call from one service into another: client half, then server half. */
  #call<T>(
    from: Service,
    to: Service,
    inside: Context,
    route: string,
    work: (inside: Context) => Promise<T>,
  ): Promise<T> {
    const attributes = {
      'http.request.method': 'POST',
      'server.address': to.name,
      'url.full': `http://${to.name}:8080${route}`,
    }
    return from.span(inside, `POST ${to.name}${route}`, SpanKind.CLIENT, attributes, (client) =>
      to.span(client, `POST ${route}`, SpanKind.SERVER, { 'http.request.method': 'POST', 'http.route': route }, work),
    )
  }

  #query(service: Service, inside: Context, text: string, ms: number, system = 'postgresql'): Promise<void> {
    const [operation, , , table] = text.split(' ')
    const attributes = {
      'db.system.name': system,
      'db.query.text': text,
      'db.namespace': service.name,
      'server.address': `${service.name}-db`,
    }
    return service.span(inside, `${operation} ${table ?? service.name}`, SpanKind.CLIENT, attributes, async () => {
      await wait(ms)
    })
  }

  async #product(inside: Context): Promise<void> {
    const { gateway, inventory, recommend } = this.#services
    await Promise.all([
      this.#call(gateway, inventory, inside, '/stock', async (at) => {
        await this.#query(inventory, at, 'SELECT left FROM stock WHERE sku = $1', this.#between(1, 12))
        inventory.log(at, 'INFO', `stock ${this.#sku()}: ${Math.floor(this.#random() * 90)} left, 4 reserved`)
      }),
      this.#call(gateway, recommend, inside, '/related', async (at) => {
        await this.#query(recommend, at, 'MGET related:* 12', this.#between(1, 5), 'redis')
        await recommend.span(at, 'rank', SpanKind.INTERNAL, { 'rank.candidates': 40 }, async () =>
          wait(this.#between(4, 40)),
        )
      }),
    ])
  }

  async #addToCart(inside: Context): Promise<void> {
    const { gateway, cart } = this.#services
    await this.#call(gateway, cart, inside, '/items', async (at) => {
      await this.#query(cart, at, 'HGETALL cart:8812', 2, 'redis')
      if (this.#random() < 0.15) {
        cart.log(at, 'DEBUG', 'cache miss items:8941, loading rows one by one')
        for (let row = 0; row < 40; row++)
          await this.#query(cart, at, 'SELECT * FROM cart_items WHERE id = $1', this.#between(1, 4))
      } else await this.#query(cart, at, 'SELECT * FROM cart_items WHERE cart = $1', this.#between(3, 20))
      if (this.#random() < 0.06) {
        cart.log(at, 'WARN', 'pool cart-db: 0 of 10 idle, waited 100 ms, retrying')
        await wait(100)
        cart.log(at, 'ERROR', 'no connection within 100 ms (pool cart-db, 10 of 10 busy)', {
          'error.type': 'PoolTimeoutError',
        })
        throw new PoolTimeoutError('no connection within 100 ms (pool cart-db, 10 of 10 busy)')
      }
      await this.#query(cart, at, 'INSERT INTO public cart_items VALUES ($1, $2)', this.#between(2, 12))
    })
  }

  async #checkout(inside: Context): Promise<void> {
    const { gateway, checkout, payment, inventory } = this.#services
    await this.#call(gateway, checkout, inside, '/order', async (at) => {
      await this.#query(checkout, at, 'SELECT * FROM orders WHERE id = $1', this.#between(3, 25))
      for (let attempt = 1; ; attempt++) {
        try {
          await this.#call(checkout, inventory, at, '/reserve', async (there) => {
            await this.#query(inventory, there, 'UPDATE stock SET reserved = reserved + 1', this.#between(4, 30))
            if (this.#random() < 0.12) throw new UpstreamError('inventory answered 503')
          })
          break
        } catch (error) {
          checkout.log(at, 'WARN', `reserve failed, attempt ${attempt} of 3`, { 'retry.attempt': attempt })
          if (attempt === 3) throw error
          await wait(30 * attempt)
        }
      }
      await this.#call(checkout, payment, at, '/charge', async (there) => {
        await payment.span(there, 'verify_signature', SpanKind.INTERNAL, { 'card.scheme': 'visa' }, async () =>
          wait(this.#between(5, 60)),
        )
        if (this.#random() < 0.04) throw new CardDeclined('the bank declined the card')
        payment.log(
          there,
          'INFO',
          `authorised ${(this.#random() * 90 + 5).toFixed(2)} EUR for order o_${Math.floor(this.#random() * 90_000)}`,
        )
      })
      await this.#publishMail(at)
    })
  }

  /** The worker picks the message up later, in a trace of its own that links back. */
  async #publishMail(inside: Context): Promise<void> {
    const { checkout, 'mail-worker': worker } = this.#services
    const messaging = { 'messaging.system': 'kafka', 'messaging.destination.name': 'mails' }
    const sent = await checkout.span(inside, 'publish mails', SpanKind.PRODUCER, messaging, async (_at, span) =>
      span.spanContext(),
    )
    const link: Link = { context: sent, attributes: { 'messaging.operation.type': 'receive' } }
    const delivery = wait(this.#between(50, 200)).then(() =>
      worker.span(
        ROOT_CONTEXT,
        'process mails',
        SpanKind.CONSUMER,
        messaging,
        async (at) => {
          await worker.span(at, 'render_template', SpanKind.INTERNAL, { template: 'order-confirmed' }, async () =>
            wait(8),
          )
          await worker.span(at, 'SMTP send', SpanKind.CLIENT, { 'server.address': 'smtp.example.com' }, async () =>
            wait(this.#between(20, 120)),
          )
          worker.log(at, 'INFO', 'mail sent', { template: 'order-confirmed' })
        },
        [link],
      ),
    )
    this.#background.add(delivery)
    void delivery.finally(() => this.#background.delete(delivery))
  }

  async #agent(inside: Context): Promise<void> {
    const { gateway, agent, inventory } = this.#services
    const model = { 'gen_ai.provider.name': 'example', 'gen_ai.request.model': 'shop-small-2' }
    await this.#call(gateway, agent, inside, '/chat', (at) =>
      agent.span(
        at,
        'invoke_agent shop-assistant',
        SpanKind.INTERNAL,
        { 'gen_ai.operation.name': 'invoke_agent', ...model },
        async (run) => {
          const turns = 1 + Math.floor(this.#random() * 3)
          for (let turn = 0; turn < turns; turn++) {
            await agent.span(
              run,
              'chat shop-small-2',
              SpanKind.CLIENT,
              { 'gen_ai.operation.name': 'chat', ...model },
              async (_in, span) => {
                await wait(this.#between(60, 400))
                span.setAttributes({
                  'gen_ai.usage.input_tokens': Math.floor(this.#between(300, 2400)),
                  'gen_ai.usage.output_tokens': Math.floor(this.#between(20, 400)),
                  'gen_ai.input.messages': JSON.stringify([
                    { role: 'user', parts: [{ type: 'text', content: 'do you have blue mugs?' }] },
                  ]),
                })
              },
            )
            await agent.span(
              run,
              'execute_tool search_products',
              SpanKind.INTERNAL,
              {
                'gen_ai.operation.name': 'execute_tool',
                'gen_ai.tool.name': 'search_products',
                'gen_ai.tool.call.arguments': '{"query":"blue mug","max":5}',
              },
              (tool) =>
                this.#call(agent, inventory, tool, '/search', (there) =>
                  this.#query(inventory, there, 'SELECT sku FROM stock WHERE name ILIKE $1', this.#between(4, 40)),
                ),
            )
            agent.log(run, 'INFO', 'tool call search_products {"query":"blue mug","max":5} → 5 results')
          }
        },
      ),
    )
  }
}
