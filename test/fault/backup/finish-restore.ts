/** Does the last steps of a restore that was staged, in a process that may be killed: argument 1 is the data directory. */
import { commitRestore, finishRestore } from '../../../core/backup/staged-restore.ts'
import { SecretBox } from '../../../core/config/secret-box.ts'

const [, , dataDir, id] = process.argv
const journal = {
  id,
  what: 'the restore of a test',
  telemetry: true,
  config: 'replace' as const,
  carry: null,
  replace: null,
}
commitRestore(dataDir, journal)
finishRestore(dataDir, journal, new SecretBox(dataDir))
