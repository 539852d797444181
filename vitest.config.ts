import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

const EXCLUDED = ['test/bench/**', 'node_modules/**']
/** Journeys whose screens show what is stored: they run on Postgres, too. The first one goes through all of these screens. */
const JOURNEYS = ['journey', 'traces', 'inspector', 'logs', 'map', 'runs', 'around', 'pins', 'reading', 'bad-input']
const onPostgres = process.env['GLASSBOX_LONG'] ? JOURNEYS : JOURNEYS.slice(0, 1)

export default defineConfig({
  plugins: [vue()],
  test: {
    // Half of a test's time is waiting, for a page, a server, a disk: twice as many as the two cores of the checks' machine.
    maxWorkers: 4,
    env: { TZ: 'UTC' },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: EXCLUDED } },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: onPostgres.map((name) => `test/e2e/${name}.test.ts`),
          exclude: EXCLUDED,
          globalSetup: 'test/fixtures/journey-server.ts',
        },
      },
    ],
  },
})
