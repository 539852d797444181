import { Readable } from 'node:stream'
import { GlassboxError } from '../../base/errors.ts'
import { keepPassword } from '../../config/secret-box.ts'
import { switchInput } from '../../migrate/switch-job.ts'
import type { StorageTestStep } from '../../model/storage-test.ts'
import { testConnection, testSteps } from '../../storage/postgres/test-connection.ts'
import { storageUsage } from '../../storage/usage.ts'
import type { Handlers } from '../handler.ts'
import type { ApiServices } from '../services.ts'

/** The storage engine from outside. */
export const storageHandlers: Handlers<
  'testStorage' | 'storageUsage' | 'switchStorage' | 'deleteOldStorage' | 'compactStorage'
> = {
  testStorage: async ({ body, services, reply }) => {
    const { postgresUrl, postgresSchema } = services.settingsNow().storage
    // An address as the settings show it stands for the saved one.
    const url = keepPassword(body.url, postgresUrl)
    if (!body.live) return testConnection(url, postgresSchema)
    reply.type('application/x-ndjson')
    return Readable.from(stepLines(testSteps(url, postgresSchema)), { objectMode: false })
  },
  storageUsage: async ({ services: { store, settingsNow, clock }, context }) => {
    const [usage, services] = await Promise.all([
      store.usage(),
      store.reader.services({ start: 0, end: Number.MAX_SAFE_INTEGER }, context),
    ])
    return storageUsage(usage, services, { nowUs: clock.nowUs(), capBytes: settingsNow().retention.traces.bytes })
  },
  switchStorage: async ({ body, services }) => {
    refuseFixedEngine(services)
    const { engine, postgresUrl } = services.settingsNow().storage
    const move = typeof body.move === 'object' ? { since: Number(body.move.since) } : body.move
    const { input, secret } = switchInput(keepPassword(body.url, postgresUrl), move, body.existing, engine)
    return services.jobs.start('switch', input, secret)
  },
  deleteOldStorage: ({ services }) => services.jobs.start('delete-old', null),
  compactStorage: ({ services }) => services.jobs.start('compact', null),
}

/** The last line says whether all works: a stream that breaks off before it says nothing. */
async function* stepLines(steps: AsyncIterable<StorageTestStep>): AsyncGenerator<string> {
  let ok = true
  for await (const step of steps) {
    ok &&= step.ok
    yield `${JSON.stringify(step)}\n`
  }
  yield `${JSON.stringify({ ok })}\n`
}

/** A choice made by a flag would come back at the next start. */
function refuseFixedEngine(services: ApiServices): void {
  const all = services.settings.all()
  for (const key of ['storage.engine', 'storage.postgresUrl']) {
    const source = all[key]?.source
    if (source !== 'flag' && source !== 'environment') continue
    const by = source === 'flag' ? 'a flag of the start' : 'an environment variable'
    throw new GlassboxError('bad_setting', `${key} is set by ${by}`, 'Start Glassbox without it, then switch.')
  }
}
