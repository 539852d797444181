import type { Selection } from '../../backup/restore-telemetry.ts'
import type { backupRoutes } from '../contract/backups.ts'
import type { BodyOf } from '../contract/routes.ts'
import type { Handlers } from '../handler.ts'

/** Absent bounds as the restore wants them. */
function selection({ telemetry, config, start, end, service }: BodyOf<'restoreBackup'>['select']): Selection {
  return { telemetry, config, start: start ?? null, end: end ?? null, service: service ?? null }
}

export const backupHandlers: Handlers<keyof typeof backupRoutes> = {
  backups: ({ services, query }) => services.backups.list(query.target),
  createBackup: ({ services, body: { content, ...body } }) =>
    services.backups.create({
      ...body,
      ...(content ? { content: { ...content, start: content.start ?? null, end: content.end ?? null } } : {}),
    }),
  estimateBackup: ({ services, query }) => services.backups.estimate(query.target),
  testBackupTarget: ({ services, body }) => services.backups.test(body),
  inspectBackup: ({ services, body }) => services.backups.inspect(body),
  verifyBackup: ({ services, body }) => services.backups.verify(body),
  removeBackup: ({ services, body }) => services.backups.remove(body),
  uploadBackup: ({ services, query, stream }) => services.backups.upload(stream, query.name),
  planRestore: ({ services, body, context }) =>
    services.backups.plan({ ...body, select: selection(body.select) }, context.signal),
  restoreBackup: ({ services, body }) => services.backups.restore({ ...body, select: selection(body.select) }),
  seenBackups: ({ services }) => services.backups.seen(),
  undoRestore: ({ services, body }) => services.backups.undo(body.restore),
}
