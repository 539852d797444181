import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'

const MOST_BYTES = 350_000
const built = (file: string): URL => new URL(`../../../out/renderer/${file}`, import.meta.url)

interface Chunk {
  file: string
  imports?: string[]
  css?: string[]
}

/** Script and style that these entries load before anything is clicked, as `npm test` has just built them. */
function firstLoad(entries: string[]): string[] {
  const manifest = JSON.parse(readFileSync(built('.vite/manifest.json'), 'utf8')) as Record<string, Chunk>
  const seen = new Set<string>()
  const files = new Set<string>()
  const follow = (name: string): void => {
    if (seen.has(name)) return
    seen.add(name)
    const { file, imports = [], css = [] } = manifest[name]
    for (const one of [file, ...css]) files.add(one)
    for (const one of imports) follow(one)
  }
  for (const entry of entries) follow(entry)
  return [...files]
}

it('the first page, with the steps for connecting, loads at most 350 kB of script and style, compressed', () => {
  const sizes = firstLoad(['index.html', 'features/traces/TracesScreen.vue']).map(
    (file) => [file, gzipSync(readFileSync(built(file))).length] as const,
  )
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
  process.stdout.write(`first page: ${total} bytes in ${sizes.length} files\n`)
  expect(sizes.some(([file]) => file.endsWith('.css'))).toBe(true)
  expect(total, JSON.stringify(sizes)).toBeLessThanOrEqual(MOST_BYTES)
})
