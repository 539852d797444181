/**
 * The URL of a worker's entry file. In source it is the `.ts` file beside the importer; in a bundle every worker is an
 * entry of its own in the same folder, named after the file without its path.
 */
export function workerFile(importMetaUrl: string, relative: string): URL {
  if (importMetaUrl.endsWith('.ts')) return new URL(relative, importMetaUrl)
  const name = relative.slice(relative.lastIndexOf('/') + 1).replace(/\.ts$/, '.js')
  return new URL(`./${name}`, importMetaUrl)
}
