import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { writePrivateFile } from '../base/instance-lock.ts'
import type { DayTotal } from './archive/manifest.ts'

/** What is remembered of an archive besides what its name says. */
export interface RememberedArchive {
  target: string
  name: string
  archive: string
  digest: string
  encrypted: boolean
  product: string
  engine: string
  days: DayTotal[]
  warnings: string[]
  /** µs of the last check by checksum, and of the last test restore. */
  verifiedAt: number | null
  provenAt: number | null
  /** What the last check found wrong. */
  problem: string | null
}

/** A restore that was done, and how long it can be undone. */
export interface RememberedRestore {
  id: string
  at: number
  what: string
  mode: 'replace' | 'merge'
  /** File in `backups/safety/`; null when there was nothing before. */
  safety: string | null
  undoUntil: number | null
  undone: boolean
}

/** One scheduled or asked-for run, for the strip of the last 30 days. */
export interface RememberedRun {
  at: number
  schedule: string | null
  kind: string
  target: string
  ok: boolean
  name: string | null
  error: string | null
  /** How long it took; absent in what older versions wrote. */
  seconds?: number | null
  /** The oldest time of the schedule at which nothing could run, µs, where this run makes up for it. */
  missed?: number | null
}

export interface BackupState {
  archives: RememberedArchive[]
  restores: RememberedRestore[]
  runs: RememberedRun[]
  /** By schedule: when it last ran, µs. */
  lastRuns: Record<string, number>
  /** Merges that did not end: their rows go again at the next start. */
  openMoves: { move: string; what: string }[]
  /** What the last start found of a restore that was cut off; until it was seen. */
  notice: { at: number; text: string; state: 'before' | 'after' } | null
}

const empty = (): BackupState => ({ archives: [], restores: [], runs: [], lastRuns: {}, openMoves: [], notice: null })
const MOST_ARCHIVES = 2000
const MOST_RUNS = 1000
const MOST_RESTORES = 50

/** `backups/state.json`: nothing that an archive could not be listed and restored without. */
export class BackupStateFile {
  readonly #file: string
  state: BackupState

  constructor(dataDir: string) {
    const folder = join(dataDir, 'backups')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    this.#file = join(folder, 'state.json')
    this.state = this.#read()
  }

  #read(): BackupState {
    if (!existsSync(this.#file)) return empty()
    try {
      return { ...empty(), ...(JSON.parse(readFileSync(this.#file, 'utf8')) as Partial<BackupState>) }
    } catch {
      // It holds dates of checks only: the archives themselves say everything else.
      renameSync(this.#file, `${this.#file}.unreadable`)
      return empty()
    }
  }

  /** Changes and saves. */
  update(change: (state: BackupState) => void): void {
    change(this.state)
    const { state } = this
    state.archives.splice(0, Math.max(0, state.archives.length - MOST_ARCHIVES))
    state.runs.splice(0, Math.max(0, state.runs.length - MOST_RUNS))
    state.restores.splice(0, Math.max(0, state.restores.length - MOST_RESTORES))
    writePrivateFile(this.#file, JSON.stringify(state))
  }

  find(target: string, name: string): RememberedArchive | null {
    return this.state.archives.find((one) => one.target === target && one.name === name) ?? null
  }
}
