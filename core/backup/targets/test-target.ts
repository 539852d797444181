import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ERRORS } from '../../base/errors.ts'
import type { TargetTest } from '../../model/backup.ts'
import { archiveName } from './archive-name.ts'
import type { BackupTarget } from './target.ts'

/** Of the year 2000, so that no schedule and no chain ever takes it for a backup. */
const PROBE_TIME = Date.UTC(2000, 0, 1) * 1000

/** Writes a small file to the target, reads it back and deletes it; stops at the first step that fails. */
export async function testTarget(target: BackupTarget): Promise<TargetTest> {
  const steps: TargetTest['steps'] = []
  const folder = await mkdtemp(join(tmpdir(), 'glassbox-target-'))
  const content = randomBytes(1000)
  const name = archiveName({
    createdAt: PROBE_TIME,
    kind: 'config',
    archive: randomBytes(16).toString('hex'),
    base: null,
  })
  const step = async (what: TargetTest['steps'][number]['name'], work: () => Promise<void>): Promise<void> => {
    const begun = performance.now()
    try {
      await work()
      steps.push({ name: what, ok: true, ms: Math.round(performance.now() - begun), error: null })
    } catch (error) {
      const { message, hint } = error as Error & { hint?: string }
      // What every failure of a target is told says nothing here.
      const text = hint && hint !== ERRORS.backup_target.hint ? `${message} ${hint}` : message
      steps.push({ name: what, ok: false, ms: Math.round(performance.now() - begun), error: text })
      throw error
    }
  }
  try {
    const path = join(folder, 'probe')
    await writeFile(path, content)
    await step('connect', async () => void (await target.list()))
    await step('write', () =>
      target.upload(path, name, { signal: AbortSignal.timeout(60_000), progress: () => undefined }),
    )
    await step('read', async () => {
      const file = await target.open(name)
      try {
        const read = await file.read(0, content.length)
        if (!Buffer.from(read).equals(content)) throw new Error('what came back is not what was written')
      } finally {
        await file.close()
      }
    })
    await step('delete', () => target.remove(name))
    return { ok: true, steps }
  } catch {
    // The last step says why.
    return { ok: false, steps }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
