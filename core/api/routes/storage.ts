import { keepPassword } from '../../config/secret-box.ts'
import { testConnection } from '../../storage/postgres/test-connection.ts'
import type { Handlers } from '../handler.ts'

/** The storage engine from outside. */
export const storageHandlers: Handlers<'testStorage'> = {
  testStorage: ({ body, services }) => {
    const { postgresUrl, postgresSchema } = services.settingsNow().storage
    // An address as the settings show it stands for the saved one.
    return testConnection(keepPassword(body.url, postgresUrl), postgresSchema)
  },
}
