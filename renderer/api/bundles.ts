import type { BundleRequest, OpenedBundle } from '../../core/model/bundle.ts'
import type { Job } from '../../core/model/job.ts'
import { request } from './client.ts'

async function read<T>(response: Promise<Response>): Promise<T> {
  return (await (await response).json()) as T
}
const path = (id: string, action = ''): string => `/api/bundles/${encodeURIComponent(id)}${action}`

/** Debug bundles of the core. Every call throws ApiError. */
export const bundles = {
  list: async () => (await read<{ items: OpenedBundle[] }>(request('GET', '/api/bundles'))).items,
  open: (file: File) =>
    read<OpenedBundle>(request('POST', '/api/bundles', { params: { name: file.name }, bytes: file })),
  unlock: (id: string, password: string) =>
    read<OpenedBundle>(request('POST', path(id, '/unlock'), { body: { password } })),
  close: (id: string) => request('DELETE', path(id)),
  import: (id: string) => read<Job>(request('POST', path(id, '/import'), { body: {} })),
  /** A job; its file is that of an export. `around` as the api takes durations, such as `5m`. */
  make: (order: Omit<BundleRequest, 'around'> & { around: string; password?: string }) =>
    read<Job>(request('POST', '/api/bundles/make', { body: order })),
}
