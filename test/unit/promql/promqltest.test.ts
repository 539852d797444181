import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { runScript } from '../../fixtures/promqltest/run.ts'

const folder = join(import.meta.dirname, '../../../../shared/promqltest')
const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.test')) : []

/** Prometheus' own cases; they lie beside the repository and are passed over where they do not. */
describe.skipIf(files.length === 0)('promqltest', () => {
  test.each(files)('%s', async (name) => {
    const report = await runScript(readFileSync(join(folder, name), 'utf8'))
    expect(report.failures.join('\n')).toBe('')
    expect(report.passed).toBe(report.total)
    expect(report.total).toBeGreaterThan(0)
  })
})
