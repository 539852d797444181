import { Resolver } from 'node:dns/promises'
import type { ScrapeJob } from '../../config/settings.ts'
import type { TargetGroup } from './target.ts'

type DnsLookup = ScrapeJob['dns'][number]

/** Asks for A, AAAA or SRV records again and again; a name that is not answered keeps the targets it had. */
export class DnsDiscovery {
  #lookup: DnsLookup
  #update: (groups: TargetGroup[]) => void
  #problem: (sentence: string) => void
  #resolver = new Resolver({ timeout: 5000, tries: 2 })
  #known = new Map<string, TargetGroup>()
  #timer: NodeJS.Timeout
  #running: Promise<void> | null = null

  constructor(lookup: DnsLookup, update: (groups: TargetGroup[]) => void, problem: (sentence: string) => void) {
    this.#lookup = lookup
    this.#update = update
    this.#problem = problem
    if (lookup.servers.length > 0) this.#resolver.setServers(lookup.servers)
    this.#timer = setInterval(() => this.refresh(), lookup.refreshMs)
    this.refresh()
  }

  /** Asks for all names; a round that runs is waited for instead. */
  refresh(): void {
    this.#running ??= this.#ask().finally(() => {
      this.#running = null
    })
  }

  async #ask(): Promise<void> {
    await Promise.all(
      this.#lookup.names.map(async (name) => {
        try {
          this.#known.set(name, { source: name, ...(await this.#resolve(name)) })
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException
          if (code === 'ECANCELLED') return
          // The answer is that there is nothing: what was there is gone.
          if (code === 'ENODATA') this.#known.set(name, { source: name, targets: [], labels: {} })
          else this.#problem(`DNS of ${name} is left as it was: ${message}`)
        }
      }),
    )
    this.#update([...this.#known.values()])
  }

  async #resolve(name: string): Promise<{ targets: string[]; labels: Record<string, string> }> {
    const { type, port } = this.#lookup
    const labels = { __meta_dns_name: name }
    if (type === 'SRV') {
      const records = await this.#resolver.resolveSrv(name)
      return { targets: records.map((one) => `${one.name.replace(/\.$/, '')}:${one.port}`), labels }
    }
    const addresses = await (type === 'A' ? this.#resolver.resolve4(name) : this.#resolver.resolve6(name))
    return { targets: addresses.map((one) => `${one.includes(':') ? `[${one}]` : one}:${port}`), labels }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#resolver.cancel()
    await this.#running
  }
}
