import { type FSWatcher, watch } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { TargetGroup } from './target.ts'

/** Prometheus' file_sd format. */
const fileSchema = z.array(
  z.object({
    targets: z.array(z.string()).default([]),
    labels: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).default({}),
  }),
)
/** A missed event of the file system is made up for by then. */
const REFRESH_MS = 60_000
const SETTLE_MS = 50

/**
 * Reads target groups from files of JSON or YAML and follows their changes. The last part of a path may hold `*`. A
 * file that cannot be read keeps the targets it had; one that is gone loses them.
 */
export class FileDiscovery {
  #patterns: readonly string[]
  #update: (groups: TargetGroup[]) => void
  #problem: (sentence: string) => void
  #known = new Map<string, TargetGroup[]>()
  #watchers: FSWatcher[] = []
  #timer: NodeJS.Timeout
  #settle: NodeJS.Timeout | null = null
  #running: Promise<void> = Promise.resolve()

  constructor(
    patterns: readonly string[],
    update: (groups: TargetGroup[]) => void,
    problem: (sentence: string) => void,
  ) {
    this.#patterns = patterns
    this.#update = update
    this.#problem = problem
    for (const folder of new Set(patterns.map(dirname))) {
      try {
        const watcher = watch(folder, () => this.#soon())
        watcher.on('error', (error) => problem(`${folder} is not watched: ${error.message}`))
        this.#watchers.push(watcher)
      } catch (error) {
        problem(`${folder} is not watched: ${(error as Error).message}`)
      }
    }
    this.#timer = setInterval(() => this.refresh(), REFRESH_MS)
    this.refresh()
  }

  /** An editor writes in several steps: they are read as one. */
  #soon(): void {
    this.#settle ??= setTimeout(() => {
      this.#settle = null
      this.refresh()
    }, SETTLE_MS)
  }

  /** Reads all files anew, one round at a time. */
  refresh(): void {
    this.#running = this.#running.then(() => this.#read()).catch((error: Error) => this.#problem(error.message))
  }

  async #read(): Promise<void> {
    const files = (await Promise.all(this.#patterns.map(filesOf))).flat()
    for (const file of [...this.#known.keys()]) if (!files.includes(file)) this.#known.delete(file)
    for (const file of files) {
      try {
        this.#known.set(file, await readGroups(file))
      } catch (error) {
        this.#problem(`${file} is left as it was: ${(error as Error).message}`)
      }
    }
    this.#update([...this.#known.values()].flat())
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    if (this.#settle) clearTimeout(this.#settle)
    for (const watcher of this.#watchers) watcher.close()
    await this.#running
  }
}

async function filesOf(pattern: string): Promise<string[]> {
  const name = basename(pattern)
  const matcher = new RegExp(`^${name.replaceAll(/[\\.+?^$|(){}[\]]/g, '\\$&').replaceAll('*', '.*')}$`)
  const folder = dirname(pattern)
  const names = await readdir(folder).catch((): string[] => [])
  return names
    .filter((one) => matcher.test(one))
    .sort()
    .map((one) => join(folder, one))
}

async function readGroups(file: string): Promise<TargetGroup[]> {
  const text = await readFile(file, 'utf8')
  const content: unknown = extname(file) === '.json' ? JSON.parse(text) : parse(text)
  return fileSchema.parse(content ?? []).map(({ targets, labels }, i) => ({
    source: `${file}:${i}`,
    targets,
    labels: { ...labels, __meta_filepath: file },
  }))
}
