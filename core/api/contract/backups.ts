import { z } from 'zod'
import { keyFileText } from '../../config/settings.ts'
import { time } from './parameters.ts'
import type { RouteContract } from './route-contract.ts'

const target = z.string().min(1).max(120).describe('name of a target: local, or one of the setting backup.targets')
const name = z.string().min(1).max(200).describe('name of an archive in the target')
const password = z
  .string()
  .min(1)
  .max(1024)
  .optional()
  .describe('of the archive; absent = the one of the settings, if any')
const keyFile = keyFileText.optional().describe('content of the key file in base64, instead of a password')
const archive = { target, name, password, keyFile }
const selection = z
  .strictObject({
    telemetry: z.boolean().default(true),
    config: z.boolean().default(true),
    start: time.optional(),
    end: time.optional(),
    service: z.string().min(1).max(1024).optional(),
  })
  .prefault({})
const restore = {
  ...archive,
  select: selection,
  mode: z
    .enum(['replace', 'merge'])
    .default('merge')
    .describe('replace = what is there goes; merge = it stays, and nothing is stored twice'),
}

/** Backups: list, make, check, restore, undo. Long work answers with a job. */
export const backupRoutes = {
  backups: {
    method: 'GET',
    path: '/api/backups',
    summary: 'Archives of one target or all, with when each was last proven, next runs, restores that can be undone',
    query: z.strictObject({ target: target.optional() }),
    answer: 'BackupsAnswer',
  },
  createBackup: {
    method: 'POST',
    path: '/api/backups',
    summary: 'Makes a backup now; a job',
    body: z.strictObject({
      kind: z.enum(['full', 'incremental', 'config']).default('full'),
      target: target.default('local'),
      content: z
        .strictObject({
          traces: z.boolean().default(true),
          logs: z.boolean().default(true),
          metrics: z.boolean().default(true),
          settings: z.boolean().default(true),
          start: time.optional(),
          end: time.optional(),
        })
        .refine(({ traces, logs, metrics, settings }) => traces || logs || metrics || settings, 'chooses nothing')
        .optional()
        .describe('only a part, by choice and the own time of rows; nothing can be added to it later'),
      password: password.describe('encrypts it; absent = the one of the settings, if any'),
      keyFile,
    }),
    answer: 'Job',
  },
  estimateBackup: {
    method: 'GET',
    path: '/api/backups/estimate',
    summary: 'How large a full backup would be about, and what is free',
    query: z.strictObject({ target: target.default('local') }),
    answer: 'BackupEstimate',
  },
  testBackupTarget: {
    method: 'POST',
    path: '/api/backups/targets/test',
    summary: 'Writes a small file to a target, reads it back and deletes it; leaves nothing behind',
    body: z.strictObject({
      name: target.optional().describe('a saved target, whose password then stands for *** in the address'),
      address: z.string().max(4096).default(''),
      privateKey: z.string().max(16_384).default(''),
    }),
    answer: '{ ok, steps: [{ name, ok, ms, error }] }',
  },
  inspectBackup: {
    method: 'POST',
    path: '/api/backups/inspect',
    summary: 'What is in an archive and those that it adds to, by signal and day, and what made it',
    body: z.strictObject(archive),
    answer: 'BackupContent',
  },
  verifyBackup: {
    method: 'POST',
    path: '/api/backups/verify',
    summary: 'Checks every byte of an archive, with deep by a test restore; a job',
    body: z.strictObject({ ...archive, deep: z.boolean().default(false) }),
    answer: 'Job',
  },
  removeBackup: {
    method: 'POST',
    path: '/api/backups/remove',
    summary: 'Removes an archive; refused while a newer one adds to it',
    body: z.strictObject({ target, name }),
    answer: '{ removed }',
  },
  uploadBackup: {
    method: 'POST',
    path: '/api/backups/upload',
    summary: 'Takes an archive file in, which then lies in the local target',
    query: z.strictObject({ name: z.string().max(1024).default('') }),
    body: 'raw',
    answer: '{ target, name }',
  },
  planRestore: {
    method: 'POST',
    path: '/api/backups/plan',
    summary: 'What a restore would add, replace and remove; changes nothing',
    body: z.strictObject(restore),
    answer: 'RestorePlan',
  },
  restoreBackup: {
    method: 'POST',
    path: '/api/backups/restore',
    summary: 'Restores, after a safety backup; a job. Can be undone for 7 days',
    body: z.strictObject(restore),
    answer: 'Job',
  },
  undoRestore: {
    method: 'POST',
    path: '/api/backups/undo',
    summary: 'Puts back what was there before a restore; a job',
    body: z.strictObject({ restore: z.string().min(1).max(64) }),
    answer: 'Job',
  },
  seenBackups: {
    method: 'POST',
    path: '/api/backups/seen',
    summary: 'Takes away the notice of a restore that was cut off, once somebody read it',
    body: z.strictObject({}),
    answer: '{}',
  },
} as const satisfies Record<string, RouteContract>
