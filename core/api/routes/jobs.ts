import type { Handlers } from '../handler.ts'

/** Long work: what runs, what ran, and how to stop it. */
export const jobHandlers: Handlers<'jobs' | 'job' | 'cancelJob'> = {
  jobs: async ({ services }) => ({ items: services.jobs.list(), nextCursor: null, partial: null }),
  job: async ({ services, params }) => services.jobs.get(params.id),
  cancelJob: ({ services, params }) => services.jobs.cancel(params.id),
}
