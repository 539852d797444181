/** `node build/errors-page.mjs`: writes core/base/ERRORS.md from the catalogue. */
import { writeFileSync } from 'node:fs'
import { errorsPage } from '../core/base/errors-page.ts'

writeFileSync(new URL('../core/base/ERRORS.md', import.meta.url), errorsPage())
