import type {
  BackupContent,
  BackupEstimate,
  BackupsAnswer,
  RestorePlan,
  TargetTest,
} from '../../core/api/contract/shapes.ts'
import type { BackupContentChoice } from '../../core/model/backup.ts'
import type { Job } from '../../core/model/job.ts'
import { request } from './client.ts'

/** What opens an archive or encrypts a new one; `keyFile` is the content of the file in base64. */
export interface ArchiveSecret {
  password?: string
  keyFile?: string
}

export interface ArchiveRef extends ArchiveSecret {
  target: string
  name: string
}

export interface RestoreOrder extends ArchiveRef {
  select: { telemetry: boolean; config: boolean; start?: string; end?: string; service?: string }
  mode: 'replace' | 'merge'
}

async function read<T>(response: Promise<Response>): Promise<T> {
  return (await (await response).json()) as T
}
const post = <T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> =>
  read(request('POST', path, { body, signal }))

/** Backups of the core; long work answers with its job. Every call throws ApiError. */
export const backups = {
  list: (target?: string, signal?: AbortSignal) =>
    read<BackupsAnswer>(request('GET', '/api/backups', { params: { target }, signal })),
  create: (
    body: {
      kind: 'full' | 'incremental' | 'config'
      target: string
      content?: Omit<BackupContentChoice, 'start' | 'end'> & { start?: string; end?: string }
    } & ArchiveSecret,
  ) => post<Job>('/api/backups', body),
  estimate: (target: string, signal?: AbortSignal) =>
    read<BackupEstimate>(request('GET', '/api/backups/estimate', { params: { target }, signal })),
  test: (body: { name?: string; address?: string; privateKey?: string }, signal?: AbortSignal) =>
    post<TargetTest>('/api/backups/targets/test', body, signal),
  inspect: (archive: ArchiveRef, signal?: AbortSignal) => post<BackupContent>('/api/backups/inspect', archive, signal),
  verify: (body: ArchiveRef & { deep: boolean }) => post<Job>('/api/backups/verify', body),
  remove: (target: string, name: string) => post<{ removed: string }>('/api/backups/remove', { target, name }),
  /** Takes a file in; it lies in the local target then. */
  upload: (file: File, signal?: AbortSignal) =>
    read<{ target: string; name: string }>(
      request('POST', '/api/backups/upload', { params: { name: file.name }, bytes: file, signal }),
    ),
  plan: (order: RestoreOrder, signal?: AbortSignal) => post<RestorePlan>('/api/backups/plan', order, signal),
  restore: (order: RestoreOrder) => post<Job>('/api/backups/restore', order),
  undo: (restore: string) => post<Job>('/api/backups/undo', { restore }),
  /** What the last start said of a restore that was cut off was read. */
  seen: () => post<object>('/api/backups/seen', {}),
}
