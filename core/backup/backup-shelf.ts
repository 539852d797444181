import { createWriteStream, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '../base/clock.ts'
import { GlassboxError } from '../base/errors.ts'
import type { SettingsService } from '../config/config-store.ts'
import { hideSecrets, keepSecrets, type SecretBox } from '../config/secret-box.ts'
import type { JobRegistry } from '../jobs/job-registry.ts'
import type { TargetTest } from '../model/backup.ts'
import type { Job } from '../model/job.ts'
import type { TelemetryStore } from '../storage/store.ts'
import type { ArchiveSecret } from './archive/archive-key.ts'
import { ArchiveReader, openArchiveFile } from './archive/archive-reader.ts'
import { ContainerReader } from './archive/container-reader.ts'
import { backupKind } from './archive/manifest.ts'
import type { ArchivePlace } from './archive-place.ts'
import { BackupStateFile, type RememberedArchive } from './backup-state.ts'
import { inThread } from './backup-thread.ts'
import { chainOf, type ListedArchive, listArchives } from './keep-plan.ts'
import type { OpenedManifest } from './operations.ts'
import { archiveName, parseArchiveName } from './targets/archive-name.ts'
import { localFolder, PARTIAL } from './targets/local-folder.ts'
import { openTarget } from './targets/open-target.ts'
import type { BackupTarget } from './targets/target.ts'
import { testTarget } from './targets/test-target.ts'

export interface BackupParts {
  dataDir: string
  product: string
  settings: Pick<SettingsService, 'now' | 'all' | 'reload'>
  secrets: SecretBox
  store: TelemetryStore
  jobs: Pick<JobRegistry, 'start' | 'register' | 'ended'>
  clock: Clock
  log: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
    error(fields: object, message: string): void
  }
}

/** What opens or encrypts an archive, as it is given from outside; `keyFile` is the content of the file in base64. */
export interface GivenSecret {
  password?: string
  keyFile?: string
}

/** A target by name, with all that is needed to open it. */
export interface NamedTarget {
  name: string
  kind: 'folder' | 's3' | 'sftp'
  address: string
  privateKey: string | null
}

/** The target that is always there: `backups/` of the data directory. */
export const LOCAL = 'local'
/** A file that somebody dropped is looked at before it is taken; so large it may be. */
const MOST_UPLOAD_BYTES = 1024 ** 4
const LEFTOVER_MS = 24 * 3_600_000
/** A target that does not answer must not keep the list of the others waiting. */
const LIST_MS = 15_000

/** What the parts of the backup service share: targets, archives in them, and what is remembered of those. */
export class BackupShelf {
  readonly parts: BackupParts
  readonly state: BackupStateFile

  constructor(parts: BackupParts) {
    this.parts = parts
    this.state = new BackupStateFile(parts.dataDir)
  }

  get localPath(): string {
    return join(this.parts.dataDir, 'backups')
  }

  targets(): NamedTarget[] {
    const saved = this.parts.settings.now().backup.targets.map(({ name, address, privateKey }) => ({
      name,
      kind: address.startsWith('s3://')
        ? ('s3' as const)
        : address.startsWith('sftp://')
          ? ('sftp' as const)
          : ('folder' as const),
      address,
      privateKey: privateKey || null,
    }))
    return [{ name: LOCAL, kind: 'folder', address: this.localPath, privateKey: null }, ...saved]
  }

  /** @throws GlassboxError `bad_request` */
  target(name: string): NamedTarget {
    const found = this.targets().find((one) => one.name === name)
    if (!found)
      throw new GlassboxError(
        'bad_request',
        `there is no backup target ${name}`,
        'See GET /api/backups for their names.',
      )
    return found
  }

  async withTarget<T>(name: string, work: (target: BackupTarget) => Promise<T>): Promise<T> {
    const { address, privateKey } = this.target(name)
    const opened = await openTarget(address, privateKey)
    try {
      return await work(opened)
    } finally {
      await opened.close()
    }
  }

  async list(name: string): Promise<ListedArchive[]> {
    return this.withTarget(name, async (target) => listArchives(await limited(target.list(), LIST_MS)))
  }

  place({ name, address, privateKey }: NamedTarget, file: string): ArchivePlace {
    return name === LOCAL ? { file: join(this.localPath, file) } : { target: address, privateKey, name: file }
  }

  /**
   * The chain that ends in an archive, oldest first.
   * @throws GlassboxError `archive_not_found`, `archive_base_missing`
   */
  async chain(targetName: string, name: string): Promise<ArchivePlace[]> {
    const target = this.target(targetName)
    if (!parseArchiveName(name))
      throw new GlassboxError('archive_not_found', `${name.slice(0, 200)} is no name of an archive`)
    const all = await this.list(targetName)
    const own = all.find((one) => one.name === name)
    if (!own) throw new GlassboxError('archive_not_found', `${name} is not in ${targetName}`)
    const { chain, missing } = chainOf(own, all)
    if (missing !== null)
      throw new GlassboxError(
        'archive_base_missing',
        `${name} needs an archive whose id begins with ${missing}; ${targetName} does not have it`,
      )
    return chain.map((one) => this.place(target, one.name))
  }

  /** The password or key file given, else that of the settings; null when there is none. */
  secret(given: GivenSecret | null): ArchiveSecret | null {
    const saved = this.parts.settings.now().backup
    for (const { password, keyFile } of [given ?? {}, saved]) {
      if (keyFile) return { keyFile: Buffer.from(keyFile, 'base64') }
      if (password) return { password }
    }
    return null
  }

  /** The same for a job, whose secret is text. */
  jobSecret(job: { secret: string | null }): ArchiveSecret | null {
    return this.secret(job.secret === null ? null : (JSON.parse(job.secret) as GivenSecret))
  }

  remember(target: string, name: string, manifest: OpenedManifest, checked: Partial<RememberedArchive> = {}): void {
    const { archive, digest, encrypted, product, engine, days, warnings } = manifest
    this.state.update((state) => {
      const known = state.archives.find((one) => one.target === target && one.name === name)
      const fresh = {
        target,
        name,
        archive,
        digest,
        encrypted,
        product,
        engine,
        days,
        warnings,
        verifiedAt: null,
        provenAt: null,
        problem: null,
      }
      const same = known?.digest === digest ? known : undefined
      const next = {
        ...fresh,
        verifiedAt: same?.verifiedAt ?? null,
        provenAt: same?.provenAt ?? null,
        problem: same?.problem ?? null,
        ...checked,
      }
      state.archives = state.archives.filter((one) => one !== known)
      state.archives.push(next)
    })
  }

  forget(target: string, name: string): void {
    this.state.update((state) => {
      state.archives = state.archives.filter((one) => one.target !== target || one.name !== name)
    })
  }

  /** @throws GlassboxError `job_running` when a newer archive adds to it */
  async remove(target: string, name: string): Promise<void> {
    const all = await this.list(target)
    const own = all.find((one) => one.name === name)
    if (!own) throw new GlassboxError('archive_not_found', `${name.slice(0, 200)} is not in ${target}`)
    const above = all.find((one) => one.base === own.id)
    if (above) throw new GlassboxError('bad_request', `${above.name} adds to it`, 'Remove that one first.')
    await this.withTarget(target, (opened) => opened.remove(name))
    this.forget(target, name)
  }

  /** Takes a file in, whole or not at all. @throws GlassboxError `archive_damaged`, `archive_version`, `backup_no_space` */
  async upload(stream: Readable, fileName: string): Promise<{ target: string; name: string }> {
    mkdirSync(this.localPath, { recursive: true, mode: 0o700 })
    const partial = join(this.localPath, `.upload-${this.parts.clock.nowUs()}${PARTIAL}`)
    try {
      let bytes = 0
      await pipeline(
        stream,
        async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) {
            bytes += chunk.length
            if (bytes > MOST_UPLOAD_BYTES) throw new GlassboxError('too_large', 'no archive is so large')
            yield chunk
          }
        },
        createWriteStream(partial, { mode: 0o600, flush: true }),
      )
      const name = await nameOfFile(partial, fileName)
      if (!existsSync(join(this.localPath, name))) await rename(partial, join(this.localPath, name))
      return { target: LOCAL, name }
    } finally {
      rmSync(partial, { force: true })
    }
  }

  async test(body: { name?: string; address: string; privateKey: string }): Promise<TargetTest> {
    const saved = body.name === undefined ? null : this.target(body.name)
    const given = {
      address: body.address || (saved?.address ?? ''),
      privateKey: body.privateKey || (saved?.privateKey ?? ''),
    }
    const { address, privateKey } = keepSecrets(given, {
      address: saved?.address ?? '',
      privateKey: saved?.privateKey ?? '',
    }) as typeof given
    const target = await openTarget(address, privateKey || null)
    try {
      return await testTarget(target)
    } finally {
      await target.close()
    }
  }

  /** Removes what cut-off uploads left in every target. */
  async cleanUp(): Promise<void> {
    await localFolder(this.localPath).cleanPartials(LEFTOVER_MS)
    // Folders of a send or a test restore that a kill cut off.
    for (const name of readdirSync(this.localPath).filter((one) => /^(\.send|verify)-\w+$/.test(one))) {
      const folder = join(this.localPath, name)
      if (Date.now() - statSync(folder).mtimeMs > LEFTOVER_MS) rmSync(folder, { recursive: true, force: true })
    }
    for (const { name } of this.targets()) {
      await this.withTarget(name, (target) => target.cleanPartials(LEFTOVER_MS)).catch((error: Error) =>
        this.parts.log.warn({ target: name }, `left-over uploads could not be cleaned: ${error.message}`),
      )
    }
  }

  job(kind: string, input: object, { password, keyFile }: GivenSecret): Promise<Job> {
    return this.parts.jobs.start(kind, input, password || keyFile ? JSON.stringify({ password, keyFile }) : null)
  }

  inspect(places: ArchivePlace[], secret: ArchiveSecret | null, signal?: AbortSignal): Promise<OpenedManifest[]> {
    return inThread<OpenedManifest[]>('inspect', { places, secret }, { signal })
  }
}

/** Addresses without passwords. */
export const shownAddress = (address: string): string => String(hideSecrets(address))

/** The name of a file that was taken in: its own where that fits its header. */
async function nameOfFile(path: string, fileName: string): Promise<string> {
  const file = await openArchiveFile(path)
  try {
    const { header } = await ContainerReader.open(file)
    if (header.holds === 'bundle')
      throw new GlassboxError('is_a_bundle', `${fileName || 'The file'} is a debug bundle.`)
    const own = parseArchiveName(fileName)
    const fits = own?.id === header.archive.slice(0, 12) && own.createdAt === Math.floor(header.createdAt / 1e6) * 1e6
    if (fits) return fileName
    if (header.encryption === null) {
      const { manifest } = await ArchiveReader.open(file, null)
      return archiveName({ ...manifest, kind: backupKind(manifest.kind) })
    }
    // What is encrypted says neither its kind nor its base.
    return archiveName({ createdAt: header.createdAt, kind: 'full', archive: header.archive, base: null })
  } finally {
    await file.close()
  }
}

async function limited<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new GlassboxError('backup_target', `the target did not answer within ${ms / 1000} s`)),
      ms,
    )
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
