import { createReadStream, existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { importFile } from '../../../core/formats/import/import-file.ts'
import { badCases, casesFolder as folder, goodCases } from './case-counts.ts'

const NOW_US = 1_790_000_000_000_000

interface Found {
  traces: number
  spans: number
  logs: number
  errors: number
  services: number
  refused: string[]
}

async function read(file: string): Promise<Found> {
  const traces = new Set<string>()
  const services = new Set<string>()
  const found: Found = { traces: 0, spans: 0, logs: 0, errors: 0, services: 0, refused: [] }
  for await (const part of importFile(createReadStream(`${folder}/${file}`), file, NOW_US)) {
    if (part.refused) found.refused.push(part.refused.reason)
    if (!part.batch) continue
    for (const resource of part.batch.resources) services.add(resource.service)
    if (part.batch.signal === 'logs') found.logs += part.batch.n
    else {
      found.spans += part.batch.n
      for (let row = 0; row < part.batch.n; row++) {
        traces.add(Buffer.from(part.batch.traceId.subarray(row * 16, row * 16 + 16)).toString('hex'))
        if (part.batch.status[row] === 2) found.errors++
      }
    }
  }
  return { ...found, traces: traces.size, services: services.size }
}

describe.skipIf(!existsSync(folder))('files from the field', () => {
  it.each(goodCases)('%s', async (file, right) => {
    expect(await read(file)).toMatchObject({ ...right, refused: [] })
  })

  it.each(badCases)('%s is refused with its reason', async (file, reason) => {
    const found = await read(file)
    expect(found.spans + found.logs).toBe(0)
    expect(found.refused.join('\n')).toMatch(reason)
  })
})
