import { z } from 'zod'
import { MOST_BUNDLE_TRACES } from '../../model/bundle.ts'
import { duration, traceId } from './parameters.ts'
import type { RouteContract } from './route-contract.ts'

/** The header that makes a reading route answer from an opened bundle. */
export const BUNDLE_HEADER = 'x-glassbox-bundle'

const id = z.string().min(1).max(64)
const password = z.string().min(1).max(1024)

/** Debug bundles: make one, open one that somebody sent, close it, import it. */
export const bundleRoutes = {
  makeBundle: {
    method: 'POST',
    path: '/api/bundles/make',
    summary:
      'Chosen traces with their logs and the metrics around them as one redacted file; a job, its file as of an export',
    body: z.strictObject({
      traceIds: z.array(traceId).min(1).max(MOST_BUNDLE_TRACES),
      title: z.string().max(200).default(''),
      note: z.string().max(4000).default(''),
      logs: z.boolean().default(true),
      metrics: z.boolean().default(true),
      around: duration.default(300e6).describe('how much before and after the traces metrics are taken'),
      removeKeys: z
        .array(z.string().min(1).max(200))
        .max(200)
        .default([])
        .describe('attribute keys left out besides those of the settings'),
      password: password.optional().describe('encrypts the file'),
    }),
    answer: 'Job',
  },
  bundles: {
    method: 'GET',
    path: '/api/bundles',
    summary: `Bundles that are open; the header ${BUNDLE_HEADER} with the id of one makes reading routes answer from it`,
    answer: '{ items: OpenedBundle[] }',
  },
  openBundle: {
    method: 'POST',
    path: '/api/bundles',
    summary: 'Opens the file of a bundle, read-only and apart from what is stored here',
    query: z.strictObject({ name: z.string().max(1024).default('') }),
    body: 'raw',
    answer: 'OpenedBundle',
  },
  unlockBundle: {
    method: 'POST',
    path: '/api/bundles/{id}/unlock',
    summary: 'Gives the password of an encrypted bundle',
    params: z.strictObject({ id }),
    body: z.strictObject({ password }),
    answer: 'OpenedBundle',
  },
  importBundle: {
    method: 'POST',
    path: '/api/bundles/{id}/import',
    summary:
      'Adds what is in a bundle to what is stored here, nothing twice; a job that can be undone as a restore can',
    params: z.strictObject({ id }),
    body: z.strictObject({ password: password.optional() }).default({}),
    answer: 'Job',
  },
  closeBundle: {
    method: 'DELETE',
    path: '/api/bundles/{id}',
    summary: 'Closes a bundle and removes what was taken in of it',
    params: z.strictObject({ id }),
    answer: '{ closed }',
  },
} as const satisfies Record<string, RouteContract>
