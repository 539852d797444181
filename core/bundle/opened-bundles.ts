import { createWriteStream, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openArchiveFile } from '../backup/archive/archive-reader.ts'
import { ContainerReader } from '../backup/archive/container-reader.ts'
import { inThread } from '../backup/backup-thread.ts'
import type { OpenedManifest, RestoreOrder } from '../backup/operations.ts'
import type { Clock } from '../base/clock.ts'
import { GlassboxError } from '../base/errors.ts'
import { writePrivateFile } from '../base/instance-lock.ts'
import type { PinStore } from '../config/pin-store.ts'
import { defaultSettings, type Settings } from '../config/settings.ts'
import type { OpenedBundle } from '../model/bundle.ts'
import type { PromqlEngine } from '../query/promql/engine.ts'
import type { MetricReader } from '../storage/metric-store.ts'
import { openSqliteStore } from '../storage/sqlite/store.ts'
import type { TelemetryStore } from '../storage/store.ts'
import { readAbout } from './read-about.ts'

export interface OpenedParts {
  dataDir: string
  settings(): Settings
  clock: Clock
  log: Parameters<typeof openSqliteStore>[0]['log']
  /** An engine over the metrics of a bundle. */
  promql(reader: MetricReader): PromqlEngine
}

/** What the api answers from when it is asked for a bundle. */
export interface BundleView {
  store: TelemetryStore
  promql: PromqlEngine
  /** The notes that came with it; nothing of it can be pinned. */
  pins: Pick<PinStore, 'list' | 'notes'>
}

interface Entry {
  bundle: OpenedBundle
  /** Kept in memory only, for an import. */
  password: string | null
  view: Promise<BundleView> | null
}

const MOST_OPEN = 8
/** What a bundle holds is a part of a store, not a store. */
const MOST_BYTES = 4 * 1024 ** 3
const FILE = 'bundle.glassbox'
const CARD = 'bundle.json'

/**
 * Bundles that were dropped on this Glassbox, each with a store of its own under `opened/` of the data directory. They stay
 * until they are closed. A store is opened when it is first asked for.
 */
export class OpenedBundles {
  readonly #parts: OpenedParts
  readonly #folder: string
  #entries = new Map<string, Entry>()

  constructor(parts: OpenedParts) {
    this.#parts = parts
    this.#folder = join(parts.dataDir, 'opened')
    for (const name of existsSync(this.#folder) ? readdirSync(this.#folder) : []) {
      const bundle = readCard(join(this.#folder, name))
      // What has no card was cut off while it was taken in.
      if (bundle?.id === name) this.#entries.set(name, { bundle, password: null, view: null })
      else rmSync(join(this.#folder, name), { recursive: true, force: true })
    }
  }

  /** Newest first. */
  list(): OpenedBundle[] {
    return [...this.#entries.values()].map(({ bundle }) => bundle).sort((a, b) => b.openedAt - a.openedAt)
  }

  /** The file that was dropped, for an import. @throws GlassboxError `bundle_not_found` */
  file(id: string): string {
    return join(this.#folder, this.#find(id).bundle.id, FILE)
  }

  /** The password that it was opened with since the last start; null = none. */
  password(id: string): string | null {
    return this.#find(id).password
  }

  #find(id: string): Entry {
    const entry = this.#entries.get(id)
    if (!entry) throw new GlassboxError('bundle_not_found', `Bundle ${id.slice(0, 64)} is not open.`)
    return entry
  }

  /**
   * Takes a file in and opens it; one that needs a password stays `locked`. The same file again is the bundle that is open.
   * @throws GlassboxError `archive_damaged`, `archive_version`, `not_a_bundle`, `backup_no_space`, `too_large`; nothing is left then
   */
  async open(stream: Readable, file: string, password: string | null): Promise<OpenedBundle> {
    if (this.#entries.size >= MOST_OPEN)
      throw new GlassboxError('overloaded', `${MOST_OPEN} bundles are open.`, 'Close one of them first.')
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const arriving = join(this.#folder, `.arriving-${this.#parts.clock.nowUs()}`)
    try {
      await pipeline(stream, limited, createWriteStream(arriving, { mode: 0o600 }))
      const { archive: id, createdAt, encryption } = await headerOf(arriving)
      const known = this.#entries.get(id)
      if (known) return known.bundle.state === 'locked' && password ? await this.unlock(id, password) : known.bundle
      const folder = join(this.#folder, id)
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      await rename(arriving, join(folder, FILE))
      const bundle: OpenedBundle = {
        id,
        file: file.slice(-200),
        bytes: statSync(join(folder, FILE)).size,
        openedAt: this.#parts.clock.nowUs(),
        createdAt,
        state: 'locked',
        about: null,
      }
      const entry: Entry = { bundle, password: null, view: null }
      this.#entries.set(id, entry)
      try {
        if (encryption === null || password) await this.#stage(entry, password)
        this.#keep(entry)
      } catch (error) {
        this.#entries.delete(id)
        await rm(folder, { recursive: true, force: true })
        throw error
      }
      return entry.bundle
    } finally {
      await rm(arriving, { force: true })
    }
  }

  /** @throws GlassboxError `archive_password`, and as `open` */
  async unlock(id: string, password: string): Promise<OpenedBundle> {
    const entry = this.#find(id)
    if (entry.bundle.state === 'locked') {
      await this.#stage(entry, password)
      this.#keep(entry)
    }
    return entry.bundle
  }

  /** Makes the store of a bundle, every byte of which is checked on the way. */
  async #stage(entry: Entry, password: string | null): Promise<void> {
    const { id } = entry.bundle
    const folder = join(this.#folder, id)
    const places = [{ file: join(folder, FILE) }]
    const secret = password === null ? null : { password }
    const [manifest] = await inThread<OpenedManifest[]>('inspect', { places, secret })
    if (manifest.kind !== 'bundle') throw notBundle()
    const about = readAbout(manifest.about)
    await inThread('verify', { places, secret, scratch: null })
    const selection = { telemetry: true, config: false, start: null, end: null, service: null }
    await inThread('stage', { places, secret, selection, folder } satisfies RestoreOrder & { folder: string })
    const { product, engine } = manifest
    entry.password = password
    entry.bundle = {
      ...entry.bundle,
      state: 'open',
      about: { ...about, product: String(product).slice(0, 64), engine: String(engine).slice(0, 64) },
    }
  }

  #keep({ bundle }: Entry): void {
    writePrivateFile(join(this.#folder, bundle.id, CARD), JSON.stringify(bundle))
  }

  /** The store of a bundle, read-only by contract: whoever has it calls its reading side only. */
  view(id: string): Promise<BundleView> {
    const entry = this.#find(id)
    if (entry.bundle.state === 'locked')
      throw new GlassboxError('archive_password', 'The bundle is encrypted.', 'Give its password first.')
    entry.view ??= this.#openView(id).catch((error: unknown) => {
      entry.view = null
      throw error
    })
    return entry.view
  }

  async #openView(id: string): Promise<BundleView> {
    const settings = structuredClone(defaultSettings)
    settings.query = this.#parts.settings().query
    settings.storage.reserveBytes = 0
    const store = await openSqliteStore({ dataDir: join(this.#folder, id), settings, log: this.#parts.log })
    const { about } = this.#find(id).bundle
    return {
      store,
      promql: this.#parts.promql(store.metrics),
      pins: {
        list: async () => [],
        notes: async (traceId) => (about?.notes ?? []).filter((one) => one.traceId === traceId),
      },
    }
  }

  /** Forgets a bundle and its files. */
  async close(id: string): Promise<void> {
    const entry = this.#find(id)
    this.#entries.delete(id)
    await stopView(entry)
    await rm(join(this.#folder, id), { recursive: true, force: true })
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#entries.values()].map(stopView))
  }
}

async function stopView({ view }: Entry): Promise<void> {
  const opened = await view?.catch(() => null)
  await opened?.promql.stop()
  await opened?.store.stop()
}

async function* limited(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let bytes = 0
  for await (const chunk of source) {
    bytes += chunk.length
    if (bytes > MOST_BYTES) throw new GlassboxError('too_large', `No bundle is larger than ${MOST_BYTES} bytes.`)
    yield chunk
  }
}

const notBundle = (): GlassboxError => new GlassboxError('not_a_bundle', 'The file is a backup, not a debug bundle.')

async function headerOf(path: string) {
  const file = await openArchiveFile(path)
  try {
    const { header } = await ContainerReader.open(file)
    if (header.holds !== 'bundle') throw notBundle()
    return header
  } finally {
    await file.close()
  }
}

function readCard(folder: string): OpenedBundle | null {
  const path = join(folder, CARD)
  if (!existsSync(path)) return null
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as OpenedBundle
  } catch (error) {
    // A copy of somebody else's file is not worth a host that does not start.
    if (error instanceof SyntaxError) return null
    throw error
  }
}
